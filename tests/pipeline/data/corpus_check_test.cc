#include "pipeline/data/corpus_check.h"

#include <gmock/gmock.h>

#include "io/sound_file.h"
#include "tests/pipeline/command_call.h"
#include "tests/pipeline/data/prepare_fixture.h"

namespace avsr::pipeline {
namespace {

using testing::AllOf;
using testing::Contains;
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
  static io::Waveform hum(int frames) {
    io::Waveform wave;
    for (int i = 0; i < frames * io::kSamplesPerFrame; ++i)
      wave.samples.push_back(0.2f * std::sin(0.1f * static_cast<float>(i)));
    return wave;
  }
  // 29 frames of size x size; without a sound track where there is no sound.
  static void write_grey(const fs::path& path, int size, const io::Waveform& sound) {
    io::Frames pictures{29, size, size, {}};
    pictures.pixels.assign(pictures.frame_size() * 29, 100);
    fs::create_directories(path.parent_path());
    io::write_video(path.string(), pictures, sound, {.layout = io::PixelLayout::kGrey});
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
  EXPECT_THAT(where(report, "no_boundaries"),
              AllOf(Contains(HasSubstr("train/NO_00001.mp4")), Not(Contains(HasSubstr("train/NO_00002.mp4")))));
  EXPECT_EQ(report.errors(), 5);
  EXPECT_EQ(report.findings.front().kind, "bad_entry");
  EXPECT_THAT(text_of(report), AllOf(HasSubstr("error: 1 the same recording in two splits"), HasSubstr("5 errors")));
  EXPECT_EQ(to_json(report)["findings"].size(), report.findings.size());
}

TEST_F(CorpusCheck, KnowsSharedSpeakersAndClipsThatEndEarly) {
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

TEST_F(CorpusCheck, FindsEveryKindOfTrouble) {
  write_face(corpus / "YES/test/YES_00002.mp4", 77, 20);
  put(corpus / "YES/test/YES_00002.txt", "Duration: 1.1 seconds\n");  // to 1.13 s of 0.8 s
  put(corpus / "NO/test/NO_00001.txt", "Duration: long\n");
  copy("YES/train/YES_00001.mp4", "YES/test/YES_00001.mp4");
  copy("YES/train/YES_00002.mp4", "YES/train/YES_00009.mp4");
  copy("NO/train/NO_00001.mp4", "PERHAPS/test/PERHAPS_00001.mp4");
  write_grey(corpus / "NO/test/NO_00002.mp4", 128, {});
  write_grey(corpus / "NO/test/NO_00003.mp4", 256, hum(10));
  io::write_wav(folder / "hum.wav", hum(10));
  io::write_wav(folder / "silence.wav", {std::vector<float>(8000, 0.f)});
  put(folder / "m.csv",
      "path,split,label,speaker,start,end\n"
      "hum.wav,train,YES,ann,,\nsilence.wav,val,YES,ann,,\ncorpus/NO/test/NO_00003.mp4,test,YES,,0,1.16\n");
  const CorpusReport layout = check(), manifest = check_corpus({.corpus = folder / "m.csv"});
  const std::map<std::string, std::pair<const CorpusReport*, std::string>> expected{
      {"bad_entry", {&layout, "NO_00001.txt"}},
      {"unreadable", {&layout, "NO_00003.mp4"}},
      {"missing_split", {&layout, "val"}},
      {"shared_clip", {&layout, "test/YES_00001.mp4"}},
      {"unknown_word", {&layout, "PERHAPS"}},
      {"shared_speaker", {&manifest, "ann: train, val"}},
      {"repeated_clip", {&layout, "YES_00009.mp4"}},
      {"no_sound", {&layout, "NO_00002.mp4"}},
      {"silent", {&manifest, "silence.wav"}},
      {"no_video", {&manifest, "hum.wav"}},
      {"other_length", {&layout, "YES_00002.mp4: 20 frames"}},
      {"words_outside", {&layout, "'YES' from 0.03 to 1.13 s of 0.80 s"}},
      // Sound of 0.4 s under pictures of 1.16 s, as `prepare` reports it.
      {"ends_early", {&manifest, "NO_00003.mp4: its video or sound ends 0.7"}},
      {"other_size", {&layout, "NO_00002.mp4: 128 x 128, most are 256 x 256"}},
      {"no_boundaries", {&layout, "YES_00001.mp4"}},
      {"few_clips", {&layout, "NO: 3"}}};
  for (const std::string& kind : finding_kinds()) {
    const auto found = expected.find(kind);
    ASSERT_NE(found, expected.end()) << kind << " is expected of no corpus here";
    EXPECT_THAT(where(*found->second.first, kind), Contains(HasSubstr(found->second.second))) << kind;
  }
}

TEST_F(CorpusCheck, ALimitSparesDecodingAndNotTheListing) {
  const CorpusReport report = check_corpus({.corpus = corpus, .limit = 1});
  EXPECT_EQ(report.clips, 2) << "one of each split";
  EXPECT_TRUE(where(report, "unreadable").empty()) << "NO_00003.mp4 is not among them";
  EXPECT_THAT(where(report, "few_clips"), ElementsAre("NO: 3", "YES: 3"));
  EXPECT_THAT(report.notes, Contains(HasSubstr("2 of 7 clips are decoded")));
}

TEST_F(CorpusCheck, TheCommandHeedsOrRefusesEveryOption) {
  const auto with = [&](Arguments more) {
    more.insert(more.begin(), {corpus.string(), "--check"});
    return call(run_prepare, more);
  };
  EXPECT_THAT(with({"--limit", "-3"}).misuse, HasSubstr("limit >= 0, found -3"));
  EXPECT_THAT(with({"--workers", "-4"}).misuse, HasSubstr("found -4"));
  for (const char* name : {"--out", "--crop", "--face-model"})
    EXPECT_THAT(with({name, "nonsense"}).misuse, AllOf(HasSubstr(name), HasSubstr("no meaning with --check")));
  for (const char* name : {"--clips-per-shard", "--landmark-interval", "--box-top", "--box-left", "--box-size"})
    EXPECT_THAT(with({name, "0"}).misuse, AllOf(HasSubstr(name), HasSubstr("no meaning with --check")));
  EXPECT_THAT(with({"--limit", "1"}).out, HasSubstr("2 clips checked"));
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
