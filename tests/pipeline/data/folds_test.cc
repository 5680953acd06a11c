#include "pipeline/data/folds.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "io/atomic_file.h"
#include "pipeline/data/dataset.h"
#include "pipeline/device.h"
#include "pipeline/training/cross_validation.h"
#include "tests/pipeline/small_corpus.h"
#include "tests/small_files.h"

namespace avsr::pipeline {
namespace {

using testing::HasSubstr;

// 24 clips of t0 … t3 in train, 8 of v0 and v1 in val, 8 of e0 and e1 in test.
class FoldsTest : public testing::Test {
 protected:
  FoldsTest() { write_small_corpus(folder_ / "data"); }
  std::vector<Fold> folds(const FoldSettings& settings) const {
    return make_folds(open_prepared(folder_ / "data"), settings);
  }
  std::map<std::string, std::set<std::string>> speakers_of(const Fold& fold) const {
    write_view(folder_ / "data", fold, folder_ / "view");
    std::map<std::string, std::set<std::string>> speakers;
    const auto clips = open_prepared(folder_ / "view");
    for (int i = 0; i < clips.size(); ++i) speakers[clips.record(i).clip.split].insert(clips.record(i).clip.speaker);
    return speakers;
  }
  TemporaryFolder folder_;
};

TEST_F(FoldsTest, EachClipIsTestedOnceAndNoSpeakerIsShared) {
  std::multiset<std::string> tested;
  const auto three = folds({.folds = 3});
  ASSERT_EQ(three.size(), 3u);
  for (const Fold& fold : three) {
    auto speakers = speakers_of(fold);
    EXPECT_EQ(speakers.size(), 3u);
    for (const std::string& speaker : speakers["test"]) {
      EXPECT_FALSE(speakers["train"].count(speaker) || speakers["val"].count(speaker)) << speaker;
      EXPECT_FALSE(speaker.starts_with("e"));  // split test stays unseen
    }
    for (const std::string& speaker : speakers["val"]) EXPECT_FALSE(speakers["train"].count(speaker)) << speaker;
    for (const auto& [key, split] : fold.splits)
      if (split == "test") tested.insert(key);
  }
  EXPECT_EQ(tested.size(), 32u);
  EXPECT_EQ(std::set<std::string>(tested.begin(), tested.end()).size(), 32u);
}

TEST_F(FoldsTest, LeaveOutTestsEveryWayOrSomeOfThem) {
  const auto all = folds({.leave_out = 1});
  EXPECT_EQ(all.size(), 6u);
  std::set<std::string> tested;
  for (const Fold& fold : all) {
    const auto speakers = speakers_of(fold);
    EXPECT_EQ(speakers.at("test").size(), 1u);
    EXPECT_EQ(speakers.at("val").size(), 1u);
    EXPECT_EQ(speakers.at("train").size(), 4u);
    tested.insert(*speakers.at("test").begin());
  }
  EXPECT_EQ(tested.size(), 6u);
  EXPECT_EQ(folds({.leave_out = 2, .most = 15}).size(), 15u);
  const auto some = folds({.leave_out = 2, .most = 7});
  std::set<std::string> ways;
  for (const Fold& fold : some) ways.insert(fold.tested);
  EXPECT_EQ(ways.size(), 7u);
  EXPECT_EQ(folds({.leave_out = 1, .with_test = true}).size(), 8u);
  EXPECT_THAT(tests::failure_of([&] { folds({.leave_out = 3}); }), HasSubstr("at least 7 named speakers, found 6"));
  EXPECT_THROW(folds({.folds = 2}), std::invalid_argument);
}

TEST_F(FoldsTest, MoreFoldsThanSpeakersAreDealtClipByClip) {
  const auto eight = folds({.folds = 8});
  for (const Fold& fold : eight) {
    std::map<std::string, int> counts;
    for (const auto& [key, split] : fold.splits) ++counts[split];
    EXPECT_EQ(counts, (std::map<std::string, int>{{"train", 24}, {"val", 4}, {"test", 4}}));
  }
  EXPECT_THAT(tests::failure_of([&] { folds({.folds = 100}); }), HasSubstr("too few"));
}

TEST_F(FoldsTest, CrossValidationTrainsAndTestsEachAndGoesOn) {
  const auto backend = open_device({"cpu", 1});
  CrossValidationSettings settings;
  settings.recipe = small_recipe({"stages.*.epochs=1"});
  settings.data = folder_ / "data";
  settings.out = folder_ / "cv";
  settings.folds.folds = 3;
  settings.stages = {"a-conv"};  // which is not the last of its kind
  settings.workers = 1;
  std::atomic<bool> stop{false};
  settings.stop = &stop;
  settings.reporter.say = [&](const std::string& line) { stop = stop || line.starts_with("fold 2/3: tests"); };
  EXPECT_EQ(cross_validate(*backend, settings).size(), 1u);  // stopped in its second fold
  stop = false;
  settings.reporter.say = {};
  int notes = 0;
  settings.reporter.note = [&](const std::string&) { ++notes; };
  const auto results = cross_validate(*backend, settings);
  ASSERT_EQ(results.size(), 3u);
  EXPECT_GT(notes, 0) << "of loss and rate, beside the bars of the trainings";
  EXPECT_TRUE(std::filesystem::exists(folder_ / "cv/fold-01/a-conv/model.safetensors"));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / "cv"))
    EXPECT_FALSE(entry.path().filename().string().starts_with("checkpoint")) << entry.path();
  int64_t clips = 0;
  for (const FoldResult& result : results) {
    ASSERT_TRUE(result.accuracy.count("audio"));
    clips += result.clips.at("audio");
  }
  EXPECT_EQ(clips, 32);
  EXPECT_THAT(io::read_text_file(folder_ / "cv/folds.md"), HasSubstr("mean ± deviation"));

  auto fold = nlohmann::json::parse(io::read_text_file(folder_ / "cv/fold-01/fold.json"));
  fold["tested"] = "ann, ben";
  tests::put(folder_ / "cv/fold-01/fold.json", fold.dump());
  cross_validate(*backend, settings);  // takes all folds over
  EXPECT_THAT(io::read_text_file(folder_ / "cv/folds.csv"), HasSubstr("\n1,\"ann, ben\",audio,"));
  settings.folds.seed = 2;
  EXPECT_THAT(tests::failure_of([&] { cross_validate(*backend, settings); }), HasSubstr("other seed"));
}

TEST(FoldTable, HasMeanAndDeviation) {
  const auto result = [](int number, double accuracy) {
    return FoldResult{number, fmt::format("group {}", number), {{"video", accuracy}}, {{"video", 10}}};
  };
  EXPECT_THAT(table_of({result(1, 0.5), result(2, 0.7), result(3, 0.9)}), HasSubstr("| 70.0 ± 20.0 |"));
}

}  // namespace
}  // namespace avsr::pipeline
