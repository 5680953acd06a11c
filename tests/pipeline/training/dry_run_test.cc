#include "pipeline/training/dry_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/device.h"
#include "pipeline/training/training_step.h"
#include "tests/pipeline/small_corpus.h"

namespace avsr::pipeline {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(DryRun, TellsWhatEachStageDoes) {
  const auto backend = open_device({"cpu", 1});
  const Recipe recipe = small_recipe({"stages.*.batch=6", "stages.*.epochs=3", "stages.join.patience=2"});
  const DataSize data{.training = 100, .validation = 20, .labels = 3, .frames = 29};
  int said = 0;
  const auto plans = plan_stages(*backend, recipe, data, {}, [&](const std::string&) { ++said; });
  ASSERT_EQ(plans.size(), recipe.stages.size());
  EXPECT_EQ(said, static_cast<int>(plans.size()));
  for (const StagePlan& plan : plans) {
    EXPECT_EQ(plan.steps_per_epoch, 16) << plan.stage.name;
    EXPECT_GT(plan.bytes, static_cast<size_t>(4 * plan.parameters)) << plan.stage.name;
    EXPECT_NEAR(plan.seconds, 3 * (100 / plan.training_clips_per_second + 20 / plan.inference_clips_per_second),
                1e-9 * plan.seconds);
    EXPECT_EQ(plan.trained_parameters == plan.parameters, plan.frozen.empty());
  }
  EXPECT_THAT(plans[0].trained, ElementsAre("audio"));
  EXPECT_THAT(plans[1].frozen, testing::Contains("audio/trunk"));
  const StagePlan& join = plans.back();
  EXPECT_THAT(join.trained, ElementsAre("fusion"));
  EXPECT_THAT(join.frozen, testing::UnorderedElementsAre("audio", "video"));
  EXPECT_THAT(text_of(join), AllOf(HasSubstr("stage join: audiovisual"), HasSubstr("of a-rec"),
                                   HasSubstr("3 epochs at most, fewer after 2 without gain")));
  EXPECT_THAT(total_of(plans), AllOf(HasSubstr("5 stages"), HasSubstr("at most")));
}

TEST(DryRun, RefusesWhatTrainRefusesAndPlansTheStagesAskedFor) {
  const auto backend = open_device({"cpu", 1});
  const DataSize data{.training = 100, .validation = 20, .labels = 3, .frames = 29};
  const Recipe recipe = small_recipe();
  const auto plans = plan_stages(*backend, recipe, data, {"v-conv"});
  ASSERT_EQ(plans.size(), 1u);
  EXPECT_EQ(plans[0].stage.name, "v-conv");
  const auto refusal = [&](const Recipe& wrong, const std::vector<std::string>& stages) -> std::string {
    try {
      plan_stages(*backend, wrong, data, stages);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(refusal(recipe, {"nope"}), HasSubstr("no stage 'nope'"));
  EXPECT_THAT(refusal(small_recipe({"stages.a-rec.load=[{from: a-conv, parts: [audio/frntend]}]"}), {}),
              HasSubstr("audio/frntend"));
}

// Measured on four clips, foretold for twenty, compared with what twenty take.
TEST(DryRun, ForetellsTheMemoryOfALargerBatch) {
  const auto backend = open_device({"cpu", 1});
  const Recipe recipe = small_recipe({"stages.*.batch=20"});
  const size_t before = backend->memory().used;
  const StagePlan plan =
      plan_stages(*backend, recipe, {.training = 100, .validation = 20, .labels = 3, .frames = 29}).front();
  EXPECT_EQ(plan.measured_clips, 4);

  InputRule rule;
  rule.geometry = recipe.data.geometry;
  backend->restart_peak();
  TrainingStep step(*backend, recipe, recipe.stages.front(), rule, 3);
  HostBatch batch;
  step.writer().begin(std::vector<int>(20, 29), batch);
  batch.labels.assign(20, 0);
  step.run(batch, 1e-6, 1, 1);
  const auto real = static_cast<double>(backend->memory().peak - before);
  EXPECT_NEAR(static_cast<double>(plan.bytes - before), real, 0.1 * real);
}

}  // namespace
}  // namespace avsr::pipeline
