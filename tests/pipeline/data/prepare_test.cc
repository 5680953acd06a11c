// From a small corpus of drawn faces to packed clips: what is in them, what is reported, and that neither the number of
// workers nor a stop in between changes a byte.
#include "pipeline/data/prepare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "io/shards.h"
#include "tests/pipeline/data/prepare_fixture.h"

namespace avsr::pipeline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TEST_F(Prepare, PacksClipsAndReportsThem) {
  const PrepareResult result = prepare_corpus(options);
  EXPECT_EQ(result.clips, 6);
  EXPECT_EQ(result.skipped, 1);
  EXPECT_FALSE(result.already_done);
  EXPECT_THAT(result.reasons, ElementsAre(Pair("ok", 6), Pair("unreadable", 1)));

  const io::ShardDataset training = io::ShardDataset::open(options.out, "train");
  ASSERT_EQ(training.size(), 5);
  const io::Clip clip = training.read(1);
  EXPECT_EQ(clip.key, "train_NO_00002");
  EXPECT_EQ(clip.label, "NO");
  EXPECT_EQ(clip.speaker, "ann");
  ASSERT_EQ(clip.words.size(), 1u);
  EXPECT_NEAR(clip.words[0].start_seconds, 0.33, 1e-9);
  EXPECT_EQ(clip.mouth.count, 29);
  EXPECT_EQ(clip.mouth.height, 96);
  EXPECT_EQ(clip.audio.samples.size(), 29u * 640);
  EXPECT_EQ(clip.quality.method, "fixed");

  const json dataset = read_json(options.out + "/dataset.json");
  EXPECT_EQ(dataset["clips"]["train"], 5);
  CropRule rule{"fixed"};
  rule.source_height = rule.source_width = 256;
  EXPECT_EQ(dataset["crop"], to_json(rule));

  const json quality = read_json(options.out + "/quality.json");
  ASSERT_EQ(quality["not_ok"].size(), 1u);
  EXPECT_EQ(quality["not_ok"][0]["key"], "train_NO_00003");
  EXPECT_THAT(quality["not_ok"][0]["error"].get<std::string>(), HasSubstr("NO_00003.mp4"));
  EXPECT_TRUE(fs::exists(options.out + "/contact_sheet.png"));
  EXPECT_THAT(io::read_text_file(options.out + "/quality.html"), HasSubstr("train_NO_00003"));
}

TEST_F(Prepare, WritesTheSameBytesFromAnyNumberOfWorkers) {
  options.workers = 1;
  prepare_corpus(options);
  const auto one = files_of(options.out);
  EXPECT_GE(one.size(), 4u * 3 + 5);  // 4 shards with index and part, plan, dataset, quality
  options.workers = 3;
  options.out = out("three");
  prepare_corpus(options);
  EXPECT_TRUE(files_of(options.out) == one);
}

TEST_F(Prepare, GoesOnAfterAStopAndKnowsWhenItIsDone) {
  prepare_corpus(options);
  const auto unbroken = files_of(options.out);
  EXPECT_TRUE(prepare_corpus(options).already_done);

  options.out = out("stopped");
  struct Stop {};
  const auto stop_at_fifth = [](const PrepareStep& step) {
    if (step.done == 5) throw Stop();
  };
  EXPECT_THROW(prepare_corpus(options, stop_at_fifth), Stop);
  EXPECT_FALSE(fs::exists(options.out + "/dataset.json"));
  int64_t resumed = 0;
  EXPECT_FALSE(prepare_corpus(options, [&](const PrepareStep& step) { resumed = step.resumed; }).already_done);
  EXPECT_EQ(resumed, 4) << "two whole shards of two clips";
  EXPECT_TRUE(files_of(options.out) == unbroken);

  fs::remove(options.out + "/train-0001-000000.tar");  // a shard is lost
  int64_t done = 0;
  const auto watch = [&](const PrepareStep& step) {
    EXPECT_EQ(step.total, 7);
    EXPECT_GE(step.done, done) << "progress never goes back";
    done = step.done;
  };
  EXPECT_FALSE(prepare_corpus(options, watch).already_done);
  EXPECT_TRUE(files_of(options.out) == unbroken);
}

TEST_F(Prepare, RefusesToMixTwoPlans) {
  prepare_corpus(options);
  options.box.top = 100;
  EXPECT_THAT(failure_of([&] { prepare_corpus(options); }), HasSubstr("another folder"));
}

TEST_F(Prepare, RefusesWhatCannotBe) {
  PrepareOptions bad = options;
  bad.crop = "round";
  EXPECT_THROW(prepare_corpus(bad), std::invalid_argument);
  bad = options;
  bad.clips_per_shard = 0;
  EXPECT_THROW(prepare_corpus(bad), std::invalid_argument);
  for (const int workers : {-1, 1'000'000'000}) {
    bad = options;
    bad.workers = workers;
    EXPECT_THROW(prepare_corpus(bad), std::invalid_argument);
  }
  EXPECT_FALSE(fs::exists(options.out)) << "nothing is written for them";
  fs::remove_all(corpus / "YES");
  fs::remove_all(corpus / "NO/test");
  for (const char* name : {"NO_00001.mp4", "NO_00002.mp4"}) put(corpus / "NO/train" / name, "no video either");
  EXPECT_THAT(failure_of([&] { prepare_corpus(options); }), HasSubstr("not one of 3 clips"));
}

TEST_F(Prepare, TracksAndCutsByManifest) {
  if (!fs::exists(preprocessing::kLandmarkModelPath)) GTEST_SKIP() << "no " << preprocessing::kLandmarkModelPath;
  write_face(corpus / "long.mp4", 5, 50);
  put(corpus / "m.csv",
      "path,split,transcript,start,end\nlong.mp4,train,oh no,0.4,1.4\nYES/train/YES_00001.mp4,test,yes,,\n");
  options.corpus = (corpus / "m.csv").string();
  prepare_corpus(options);
  const io::Clip cut = io::ShardDataset::open(options.out, "train").read(0);
  EXPECT_EQ(cut.mouth.count, 25);
  EXPECT_EQ(cut.audio.samples.size(), 25u * 640);
  EXPECT_EQ(cut.quality.method, "tracked");
  EXPECT_EQ(cut.quality.reason, "ok");
  EXPECT_EQ(cut.words.size(), 2u);
  EXPECT_EQ(read_json(options.out + "/dataset.json")["crop"]["method"], "tracked");
}

TEST_F(Prepare, LimitTakesClipsOfEachSplit) {
  options.limit = 2;
  EXPECT_EQ(prepare_corpus(options).clips, 3);
}

TEST(PrepareGrid, KeepsSentencesWithTheirWords) {
  const char* grid = std::getenv("AVSR_GRID");
  if (!grid) GTEST_SKIP() << "AVSR_GRID does not name the GRID corpus";
  const io::TemporaryFolder folder;
  PrepareOptions options;
  options.corpus = grid;
  options.out = folder / "data";
  options.limit = 2;
  const PrepareResult result = prepare_corpus(options);
  EXPECT_EQ(result.clips, 8);
  EXPECT_THAT(result.reasons, ElementsAre(Pair("ok", 8)));
  const io::ShardDataset test = io::ShardDataset::open(options.out, "test");
  for (int i = 0; i < test.size(); ++i) {
    const io::Clip clip = test.read(i);
    EXPECT_EQ(clip.mouth.count, 75);
    EXPECT_EQ(clip.words.size(), 6u);
    EXPECT_EQ(clip.speaker, "s1");
  }
  EXPECT_EQ(io::ShardDataset::open(options.out, "other").size(), 2);
}

TEST(CropRules, SurviveJson) {
  CropRule fixed{"fixed"}, tracked;
  fixed.box = {1, 2, 3, 4};
  EXPECT_EQ(to_json(crop_rule_from_json(to_json(fixed))), to_json(fixed)) << "of a corpus without video";
  fixed.source_height = 5, fixed.source_width = 6;
  tracked.tracked.mouth_scale = 1.25;
  EXPECT_EQ(to_json(crop_rule_from_json(to_json(fixed))), to_json(fixed));
  EXPECT_EQ(to_json(crop_rule_from_json(to_json(tracked))), to_json(tracked));
  EXPECT_THAT(failure_of([] { crop_rule_from_json({{"method", "round"}}); }), HasSubstr("round"));
  EXPECT_THAT(failure_of([] { crop_rule_from_json({{"method", "fixed"}}); }), HasSubstr("top"));
}

}  // namespace
}  // namespace avsr::pipeline
