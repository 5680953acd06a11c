// Listing corpora: what is found, and what is said about what is wrong.
#include "data_scripts/sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "data_scripts/grid.h"
#include "data_scripts/lrw.h"
#include "tests/data_scripts/files.h"

namespace avsr::data_scripts {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

struct Folder : testing::Test {
  TemporaryFolder temporary;
  fs::path root = temporary.path();
};

using Lrw = Folder;
using Grid = Folder;
using Manifest = Folder;

TEST_F(Lrw, FindsClipsWithWordTimesAndSpeaker) {
  put(root / "ABOUT/train/ABOUT_00001.mp4", "x");
  put(root / "ABOUT/train/ABOUT_00001.txt", "Text: ABOUT\nDuration: 0.36 seconds\nSpeaker: slt-1\n");
  put(root / "ZEBRA/test/ZEBRA_00002.mp4", "x");
  put(root / "readme.txt", "not a clip");
  const SourceList list = list_sources(root);
  EXPECT_EQ(list.layout, Layout::kLrw);
  ASSERT_EQ(list.sources.size(), 2u);
  const Source& about = list.sources[0];
  EXPECT_EQ(about.key, "train_ABOUT_00001");
  EXPECT_EQ(about.split, "train");
  EXPECT_EQ(about.label, "ABOUT");
  EXPECT_EQ(about.speaker, "slt-1");
  ASSERT_EQ(about.words.size(), 1u);
  EXPECT_NEAR(about.words[0].start_seconds, 0.40, 1e-9);  // (1.16 - 0.36) / 2
  EXPECT_NEAR(about.words[0].end_seconds, 0.76, 1e-9);
  EXPECT_EQ(list.sources[1].label, "ZEBRA");
  EXPECT_TRUE(list.sources[1].words.empty()) << "no .txt, no times";
}

TEST_F(Lrw, NamesFileAndLineOfAMalformedDuration) {
  put(root / "ABOUT/train/ABOUT_00001.mp4", "x");
  put(root / "ABOUT/train/ABOUT_00001.txt", "Text: ABOUT\nDuration: long\n");
  EXPECT_THAT(failure_of([&] { list_sources(root); }), AllOf(HasSubstr("ABOUT_00001.txt:2"), HasSubstr("'long'")));
}

TEST_F(Lrw, SaysWhatItExpectedOfAFolderThatIsNone) {
  EXPECT_THAT(failure_of([&] { list_sources(root); }), AllOf(HasSubstr(root.string()), HasSubstr("LRW layout")));
  EXPECT_THAT(failure_of([&] { list_sources(root / "absent"); }), HasSubstr("found nothing"));
  EXPECT_THAT(failure_of([&] { list_sources(root, Layout::kLrw); }), HasSubstr("found none"));
}

TEST_F(Grid, ReadsWordTimesInFramesAndLeavesOutSilence) {
  put(root / "a.align", "0 23750 sil\n23750 29500 bin\n29500 34000 blue\n34000 34500 sp\n34500 74500 sil\n");
  const auto words = read_align(root / "a.align");
  ASSERT_EQ(words.size(), 2u);
  EXPECT_EQ(words[0].text, "bin");
  EXPECT_NEAR(words[0].start_seconds * io::kFramesPerSecond, 23.75, 1e-9);
  EXPECT_NEAR(words[1].end_seconds, 34000 / 25000.0, 1e-9);
}

TEST_F(Grid, NamesFileAndLineOfMalformedAligns) {
  put(root / "a.align", "0 100 bin\n100 two\n");
  EXPECT_THAT(failure_of([&] { read_align(root / "a.align"); }), AllOf(HasSubstr("a.align:2"), HasSubstr("100 two")));
  put(root / "b.align", "0 100 bin\n50 200 blue\n");
  EXPECT_THAT(failure_of([&] { read_align(root / "b.align"); }), AllOf(HasSubstr("b.align:2"), HasSubstr("rise")));
  put(root / "c.align", "0 1e9x bin\n");
  EXPECT_THAT(failure_of([&] { read_align(root / "c.align"); }), HasSubstr("c.align:1"));
}

TEST_F(Grid, TakesTheRootsOwnListsAndMissesWhatTheyName) {
  put(root / "s1/bbaf2n.mp4", "x");
  put(root / "s1/bbaf2n.align", "0 100 bin\n");
  put(root / "train.txt", "s1/bbaf2n\n");
  put(root / "other_speakers/s2_bgauza.mpg", "x");
  put(root / "other_speakers/s2_bgauza.align", "0 100 bin\n100 200 zebra\n");
  const SourceList list = list_sources(root);
  EXPECT_EQ(list.layout, Layout::kGrid);
  ASSERT_EQ(list.sources.size(), 2u);
  EXPECT_EQ(list.sources[0].key, "s1_bbaf2n");
  EXPECT_EQ(list.sources[0].split, "train");
  EXPECT_EQ(list.sources[1].key, "s2_bgauza");
  EXPECT_EQ(list.sources[1].split, "other");
  EXPECT_EQ(list.sources[1].speaker, "s2");
  put(root / "test.txt", "s1/absent\n");
  EXPECT_THAT(failure_of([&] { list_sources(root); }), AllOf(HasSubstr("test.txt:1"), HasSubstr("absent")));
}

TEST_F(Grid, HasItsOwnSplitForTheFullCorpus) {
  put(root / "s1/bbaf2n.mpg", "x");  // on our list of val, in the public corpus' layout
  put(root / "alignments/s1/bbaf2n.align", "0 100 bin\n");
  put(root / "s1/zzzzzz.mpg", "x");  // on no list
  const SourceList list = list_sources(root);
  ASSERT_EQ(list.sources.size(), 1u);
  EXPECT_EQ(list.sources[0].split, "val");
}

TEST(RealGrid, HasTheSentencesThatItsReadmeNames) {
  const char* grid = std::getenv("AVSR_GRID");
  if (!grid) GTEST_SKIP() << "AVSR_GRID does not name the GRID corpus";
  const SourceList list = list_sources(grid);
  std::map<std::string, int> splits;
  size_t words = 0;
  for (const Source& source : list.sources) {
    ++splits[source.split];
    words += source.words.size();
  }
  EXPECT_THAT(splits, testing::ElementsAre(testing::Pair("other", 16), testing::Pair("test", 100),
                                           testing::Pair("train", 700), testing::Pair("val", 100)));
  EXPECT_EQ(words, 6u * 916);
}

TEST_F(Manifest, ReadsCsvWithQuotesAndCuts) {
  put(root / "a b.mp4", "x");
  put(root / "m.csv",
      "path,split,label,transcript,speaker,start,end\r\n"
      "\"a b.mp4\",train,,\"say \"\"yes\"\", now\",ann,1.5,2.5\r\n"
      "a b.mp4,test,YES,,,,\r\n");
  const SourceList list = list_sources(root / "m.csv");
  EXPECT_EQ(list.layout, Layout::kManifest);
  ASSERT_EQ(list.sources.size(), 2u);
  EXPECT_EQ(list.sources[0].key, "a-b_1500ms");
  EXPECT_EQ(list.sources[0].start_seconds, 1.5);
  EXPECT_EQ(list.sources[0].words.size(), 3u);
  EXPECT_EQ(list.sources[0].words[1].text, "\"yes\",");
  EXPECT_EQ(list.sources[1].label, "YES");
  EXPECT_FALSE(list.sources[1].end_seconds.has_value());
}

TEST_F(Manifest, ReadsJsonLines) {
  put(root / "a.mp4", "x");
  put(root / "m.jsonl", R"({"path": "a.mp4", "split": "val", "label": "YES", "end": 1.16})"
                        "\n");
  const SourceList list = list_sources(root / "m.jsonl");
  ASSERT_EQ(list.sources.size(), 1u);
  EXPECT_EQ(list.sources[0].end_seconds, 1.16);
}

TEST_F(Manifest, NamesFileLineExpectedAndFound) {
  put(root / "a.mp4", "x");
  const auto complaint = [&](const std::string& name, const std::string& text) {
    put(root / name, text);
    return failure_of([&] { list_sources(root / name); });
  };
  EXPECT_THAT(complaint("m.csv", "path,split,lable\n"), AllOf(HasSubstr("m.csv:1"), HasSubstr("'lable'")));
  EXPECT_THAT(complaint("m.csv", "path,split,label\na.mp4,train\n"),
              AllOf(HasSubstr("m.csv:2"), HasSubstr("3 fields")));
  EXPECT_THAT(complaint("m.csv", "path,split,label\na.mp4,tain,YES\n"),
              AllOf(HasSubstr("m.csv:2"), HasSubstr("'tain'")));
  EXPECT_THAT(complaint("m.csv", "path,split,label\nb.mp4,train,YES\n"), HasSubstr("no such file"));
  EXPECT_THAT(complaint("m.csv", "path,split,label,end\na.mp4,train,YES,1s\n"), HasSubstr("'1s'"));
  EXPECT_THAT(complaint("m.csv", "path,split,label,start,end\na.mp4,train,YES,2,1\n"), HasSubstr("start < end"));
  EXPECT_THAT(complaint("m.csv", "path,split,label,transcript\na.mp4,train,,\n"), HasSubstr("neither"));
  EXPECT_THAT(complaint("m.csv", "path,split,label\n\"a.mp4,train,YES\n"), HasSubstr("closing quote"));
  EXPECT_THAT(complaint("m.csv", "path,split,label\n"), HasSubstr("found none"));
  EXPECT_THAT(complaint("m.jsonl", "{\"path\": \n"), AllOf(HasSubstr("m.jsonl:1"), HasSubstr("JSON object")));
  EXPECT_THAT(complaint("m.txt", "x"), HasSubstr(".csv or .jsonl"));
  EXPECT_THAT(complaint("m.csv", "path,split,label\na.mp4,train,YES\na.mp4,train,NO\n"), HasSubstr("the key 'a'"));
}

TEST_F(Manifest, RefusesWhatAPreparedClipCannotKeep) {
  put(root / "a.mp4", "x");
  const auto complaint = [&](const std::string& text) {
    put(root / "m.csv", text);
    return failure_of([&] { list_sources(root / "m.csv"); });
  };
  EXPECT_THAT(complaint("path,split,label,key\na.mp4,train,YES," + std::string(81, 'k') + "\n"),
              AllOf(HasSubstr("m.csv:2"), HasSubstr("at most 80"), HasSubstr("of 81"), HasSubstr("'key'")));
  EXPECT_EQ(complaint("path,split,label,key\na.mp4,train,YES," + std::string(80, 'k') + "\n"), "");
  for (const char* column : {"label", "transcript"}) {  // Latin-1
    EXPECT_THAT(complaint("path,split," + std::string(column) + "\na.mp4,train,caf\xE9\n"),
                AllOf(HasSubstr("m.csv:2"), HasSubstr("UTF-8"), HasSubstr(column)));
  }
  EXPECT_THAT(complaint("path,split,label,speaker\na.mp4,train,YES,Ren\xE9\n"), HasSubstr("'speaker'"));
}

TEST_F(Manifest, RefusesAColumnThatStandsTwice) {
  put(root / "a.mp4", "x");
  const auto complaint = [&](const std::string& name, const std::string& text) {
    put(root / name, text);
    return failure_of([&] { list_sources(root / name); });
  };
  EXPECT_THAT(complaint("m.csv", "path,split,label, label\na.mp4,train,YES,NO\n"),
              AllOf(HasSubstr("m.csv:1"), HasSubstr("each column once"), HasSubstr("'label' twice")));
  const std::string first = R"({"path": "a.mp4", "split": "train", "label": "YES"})";
  EXPECT_THAT(complaint("m.jsonl", first + "\n" + R"({"path": "a.mp4", "label": "YES", "label": "NO"})"),
              AllOf(HasSubstr("m.jsonl:2"), HasSubstr("'label' twice")));
  EXPECT_EQ(complaint("m.jsonl", first), "");
}

TEST(Layouts, HaveNames) {
  EXPECT_EQ(layout_from_name("grid"), Layout::kGrid);
  EXPECT_EQ(layout_name(Layout::kManifest), "manifest");
  EXPECT_THROW(layout_from_name("lrs"), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::data_scripts
