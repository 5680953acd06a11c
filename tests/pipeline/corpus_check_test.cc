#include "pipeline/corpus_check.h"

#include <gmock/gmock.h>

#include "tests/pipeline/prepare_fixture.h"

namespace avsr::pipeline {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Of the fixture's corpus: NO_00003 of train is no video; there is no split val; words of 2 and 3 clips.
class CorpusCheck : public Prepare {
 protected:
  CorpusReport check() { return check_corpus({.corpus = corpus, .workers = 2}); }
  static std::vector<std::string> where(const CorpusReport& report, const std::string& kind) {
    for (const CorpusFinding& finding : report.findings)
      if (finding.kind == kind) return finding.where;
    return {};
  }
  void copy(const char* from, const char* to) {
    fs::create_directories((corpus / to).parent_path());
    fs::copy_file(corpus / from, corpus / to);
  }
};

TEST_F(CorpusCheck, FindsWhatIsWrongAndWritesNothing) {
  copy("YES/train/YES_00001.mp4", "YES/test/YES_00001.mp4");       // shared
  copy("YES/train/YES_00002.mp4", "YES/train/YES_00009.mp4");      // repeated
  copy("NO/test/NO_00001.mp4", "PERHAPS/test/PERHAPS_00001.mp4");  // a word never trained
  write_face(corpus / "YES/train/YES_00010.mp4", 77, 20);          // shorter
  put(corpus / "NO/test/NO_00001.txt", "Duration: long\n");
  const auto before = files_of(folder.path());
  const CorpusReport report = check();
  EXPECT_EQ(files_of(folder.path()), before);
  EXPECT_THAT(where(report, "bad_entry"), ElementsAre(AllOf(HasSubstr("NO_00001.txt:1"), HasSubstr("long"))));
  EXPECT_THAT(where(report, "unreadable"), ElementsAre(HasSubstr("NO_00003.mp4")));
  EXPECT_THAT(where(report, "missing_split"), ElementsAre("val"));
  EXPECT_THAT(where(report, "shared_clip"),
              ElementsAre(AllOf(HasSubstr("train/YES_00001.mp4"), HasSubstr("test/YES_00001.mp4"))));
  EXPECT_THAT(where(report, "repeated_clip"), ElementsAre(HasSubstr("YES_00009.mp4")));
  EXPECT_THAT(where(report, "unknown_word"), ElementsAre("PERHAPS"));
  EXPECT_THAT(where(report, "other_length"),
              ElementsAre(AllOf(HasSubstr("YES_00010.mp4"), HasSubstr("20 frames, most have 29"))));
  EXPECT_THAT(where(report, "few_clips"), ElementsAre("NO: 3", "YES: 5"));
  EXPECT_THAT(where(report, "no_boundaries"), Not(testing::Contains(HasSubstr("train/NO_00002.mp4"))));
  EXPECT_EQ(report.errors(), 5);
  EXPECT_EQ(report.findings.front().kind, "bad_entry");
  EXPECT_THAT(text_of(report), AllOf(HasSubstr("error: 1 the same recording in two splits"), HasSubstr("5 errors")));
  EXPECT_EQ(to_json(report)["findings"].size(), report.findings.size());
}

TEST_F(CorpusCheck, KnowsSharedSpeakersAndWordsOutsideTheirClip) {
  const auto manifest = [&](const std::string& text) {
    put(folder / "m.csv", text);
    return check_corpus({.corpus = folder / "m.csv"});
  };
  const CorpusReport report = manifest(
      "path,split,label,speaker,end\n"
      "corpus/YES/train/YES_00001.mp4,train,YES,ann,\n"
      "corpus/YES/train/YES_00002.mp4,val,YES,ann,\n"
      "corpus/YES/train/YES_00003.mp4,test,YES,ben,9\n"
      "corpus/absent.mp4,test,YES,ben,\n");
  EXPECT_THAT(where(report, "shared_speaker"), ElementsAre("ann: train, val"));
  EXPECT_THAT(where(report, "ends_early"), ElementsAre(HasSubstr("YES_00003.mp4")));
  EXPECT_THAT(where(report, "bad_entry"), ElementsAre(AllOf(HasSubstr("m.csv:5"), HasSubstr("absent.mp4"))));
  EXPECT_EQ(report.clips, 3);
}

TEST_F(CorpusCheck, AManifestWithoutSplitsIsDealt) {
  std::string text = "path,label,speaker\n";
  for (const char* clip : {"YES/train/YES_00001,YES,ann", "NO/train/NO_00001,NO,ben", "NO/train/NO_00002,NO,cat"}) {
    const std::string row = clip;
    text += "corpus/" + row.substr(0, row.find(',')) + ".mp4" + row.substr(row.find(',')) + "\n";
  }
  put(folder / "m.csv", text);
  const CorpusReport report = check_corpus({.corpus = folder / "m.csv"});
  EXPECT_THAT(report.notes, ElementsAre(HasSubstr("3 speakers")));
  EXPECT_TRUE(where(report, "missing_split").empty());
  put(folder / "m.csv", text + "corpus/YES/train/YES_00002.mp4,YES,\n");
  options.corpus = folder / "m.csv";
  options.crop = "fixed";
  EXPECT_THAT(prepare_corpus(options).notes, ElementsAre(HasSubstr("clip by clip")));
}

}  // namespace
}  // namespace avsr::pipeline
