// The range test: what it reads from a curve, that it runs, and that it leaves a run alone.
#include "pipeline/training/rate_finder.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>

#include "io/atomic_file.h"
#include "pipeline/device.h"
#include "pipeline/training/schedule.h"
#include "tests/pipeline/small_corpus.h"

namespace avsr::pipeline {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// Flat, then down to 1 at `lowest`, then up.
RateTest curve(double falls_from, double lowest) {
  RateTest test;
  for (double rate = 1e-6; rate <= 1; rate *= 1.1) {
    const double share = std::clamp(std::log(rate / falls_from) / std::log(lowest / falls_from), 0.0, 3.0);
    const double loss = share <= 1 ? 4 - 3 * share : 1 + 4 * (share - 1);
    test.points.push_back({rate, loss, loss});
  }
  return test;
}

TEST(RateSuggestion, IsATenthOfTheLowestPoint) {
  const auto found = suggest_rate(curve(1e-4, 1e-2));
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->lowest_at, 1e-2, 1e-3);
  EXPECT_NEAR(found->rate, 1e-3, 1e-4);
  EXPECT_NEAR(found->falls_from, 1e-4, 0.4e-4);
}

TEST(RateSuggestion, IsMissingWhereTheLossNeverFalls) {
  EXPECT_FALSE(suggest_rate({}));
  RateTest rising = curve(1e-4, 1e-2);
  for (RateTest::Point& point : rising.points) point.smoothed = 4 + point.rate;
  EXPECT_FALSE(suggest_rate(rising));
}

TEST(RateFinder, SwitchesRegularisationOff) {
  Recipe recipe = small_recipe({"data.augment={speed: 0.1, flip_probability: 0.5}", "data.shift_frames=2",
                                "stages.*.label_smoothing=0.1", "network.fusion.hidden_dropout=0.5"});
  recipe = without_regularisation(recipe);
  EXPECT_EQ(recipe.network.recurrent.input_dropout, 0);
  EXPECT_EQ(recipe.network.fusion.hidden_dropout, 0);
  EXPECT_EQ(recipe.data.augment.speed + recipe.data.augment.flip_probability + recipe.data.shift_frames, 0);
  EXPECT_FALSE(recipe.data.augment.random_crop);
  EXPECT_TRUE(recipe.data.noise_levels_db.empty());
  EXPECT_EQ(recipe.stages.back().optimizer.weight_decay, 0);
  EXPECT_EQ(recipe.stages.back().optimizer.clip_norm, 1);  // no regularisation
  EXPECT_EQ(recipe.stages.front().loss.label_smoothing, 0);
}

class FindRate : public testing::Test {
 protected:
  FindRate() : backend_(open_device({"cpu", 1})) {
    write_small_corpus(folder_ / "data");
    run_.recipe = small_recipe();
    run_.data = folder_ / "data";
    run_.out = folder_ / "run";
    run_.workers = 1;
    run_.find_rate = true;
    run_.reporter.say = [this](const std::string& line) { said_ += line + "\n"; };
  }

  TemporaryFolder folder_;
  std::unique_ptr<backend::Backend> backend_;
  RunSettings run_;
  std::string said_;
};

TEST_F(FindRate, TriesTheFirstStageWithoutARun) {
  ASSERT_TRUE(run_schedule(*backend_, run_));
  EXPECT_THAT(said_, AllOf(HasSubstr("dropout, weight decay"), HasSubstr("stages.a-conv.rate="),
                           HasSubstr("find-rate/a-conv.svg")));
  const std::string csv = io::read_text_file(folder_ / "run/find-rate/a-conv.csv");
  EXPECT_THAT(csv, testing::StartsWith("rate,loss,smoothed_loss\n1.000000e-06,"));
  EXPECT_GT(std::count(csv.begin(), csv.end(), '\n'), 50);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run/run.json"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run/a-conv"));
}

TEST_F(FindRate, LeavesARunAsItIs) {
  run_.find_rate = false;
  run_.stages = {"a-conv"};
  run_.recipe = small_recipe({"stages.*.epochs=1"});
  ASSERT_TRUE(run_schedule(*backend_, run_));
  std::map<std::string, std::string> before;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(run_.out))
    if (entry.is_regular_file()) before[entry.path().string()] = io::read_text_file(entry.path().string());
  run_.find_rate = true;
  run_.stages = {"a-rec"};
  ASSERT_TRUE(run_schedule(*backend_, run_));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "run/find-rate/a-rec.csv"));
  for (const auto& [file, bytes] : before) EXPECT_EQ(io::read_text_file(file), bytes) << file;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run/a-rec"));

  run_.stages = {"join"};  // its inputs are not there
  EXPECT_THROW(run_schedule(*backend_, run_), std::runtime_error);
  run_.stages = {"a-conv", "a-rec"};
  EXPECT_THROW(run_schedule(*backend_, run_), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::pipeline
