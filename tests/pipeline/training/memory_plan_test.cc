#include "pipeline/training/memory_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/backend/cuda/emulated.h"
#include "pipeline/device.h"
#include "pipeline/training/schedule.h"
#include "pipeline/training/training_step.h"
#include "tests/pipeline/small_corpus.h"

namespace avsr::pipeline {
namespace {

InputRule small_rule() {
  InputRule rule;
  rule.geometry = small_recipe().data.geometry;
  return rule;
}

TEST(MemoryPlan, ARehearsalCountsWhatAStepTakes) {
  const Recipe recipe = small_recipe();
  for (const backend::Precision precision : {backend::Precision::f32, backend::Precision::bf16})
    for (const Stage& stage : recipe.stages) {
      const auto backend = backend::cuda::make_emulated_backend(precision);
      const auto plan = plan_memory(*backend, recipe, stage, small_rule(), 2, kSmallFrames);
      ASSERT_TRUE(plan);
      EXPECT_TRUE(plan->fits());
      const size_t before = backend->memory().used;
      TrainingStep step(*backend, recipe, stage, small_rule(), 2);
      HostBatch batch;
      step.writer().begin(std::vector<int>(static_cast<size_t>(stage.batch), kSmallFrames), batch);
      batch.labels.assign(static_cast<size_t>(stage.batch), 0);
      backend->restart_peak();
      step.run(batch, stage.rate, 1, 0);
      backend::Lengths steps;
      step.infer(batch, steps);
      EXPECT_EQ(plan->needed, backend->memory().peak - before) << stage.name;
    }
}

TEST(MemoryPlan, CountsTheLargestPartOfABatch) {
  const auto backend = backend::cuda::make_emulated_backend(backend::Precision::f32);
  const Recipe whole = small_recipe({"stages.join.batch=8"}),
               parts = small_recipe({"stages.join.batch=8", "stages.join.accumulate=3"});
  const auto at_once = plan_memory(*backend, whole, whole.stages.back(), small_rule(), 2, kSmallFrames);
  const auto plan = plan_memory(*backend, parts, parts.stages.back(), small_rule(), 2, kSmallFrames);
  EXPECT_EQ(at_once->clips, 8);
  EXPECT_EQ(plan->clips, 3);
  EXPECT_LT(plan->needed, at_once->needed);
  const size_t before = backend->memory().used;
  TrainingStep step(*backend, parts, parts.stages.back(), small_rule(), 2);
  backend->restart_peak();
  HostBatch batch;
  for (const size_t clips : {2, 3, 3}) {
    step.writer().begin(std::vector<int>(clips, kSmallFrames), batch);
    batch.labels.assign(clips, 0);
    batch.whole_clips = 8;
    step.launch(batch, 0);
  }
  step.finish(1e-3, 1);
  backend::Lengths steps;
  step.infer(batch, steps);
  const double real = static_cast<double>(backend->memory().peak - before);
  EXPECT_NEAR(static_cast<double>(plan->needed), real, 0.1 * real);  // the part of two keeps kernels of its own
}

TEST(MemoryPlan, NamesThePartsThatWouldFit) {
  const Recipe recipe = small_recipe({"stages.*.batch=64"});
  EXPECT_THAT(parts_that_fit(recipe.stages.back(), 20), testing::HasSubstr("--set stages.join.accumulate=4,"));
  EXPECT_THAT(parts_that_fit(recipe.stages.back(), 32), testing::HasSubstr("--set stages.join.accumulate=2,"));
}

TEST(MemoryPlan, TheCpuHasNone) {
  const Recipe recipe = small_recipe();
  EXPECT_FALSE(plan_memory(*open_device({"cpu", 1}), recipe, recipe.stages[0], small_rule(), 2, kSmallFrames));
}

// The paper's networks, all trained at once: in bf16 at its batch of 36 an 8 GiB GPU will do.
TEST(MemoryPlan, ThePapersJointStageFitsASmallGpu) {
  const Recipe recipe = load_recipe("lrw-paper");
  InputRule rule;
  rule.geometry = recipe.data.geometry;
  const auto backend = backend::cuda::make_emulated_backend(backend::Precision::bf16);
  const auto plan = plan_memory(*backend, recipe, recipe.stages.back(), rule, 500, recipe.data.window_frames);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->clips, 36);
  EXPECT_LT(plan->needed, size_t{6} << 30);
  EXPECT_GT(plan->needed, size_t{4} << 30);
}

TEST(MemoryPlan, SaysHowManyClipsFit) {
  EXPECT_EQ(fitting_clips(1000, 100, 1000, 32), 32);
  EXPECT_EQ(fitting_clips(1000, 190, 1090, 11), 10);  // 100 and 90 more a clip
  EXPECT_EQ(fitting_clips(1000, 190, 1081, 10), 9);
  EXPECT_EQ(fitting_clips(1000, 1001, 5000, 5), 0);
  EXPECT_EQ(fitting_clips(1000, 1001, 1001, 1), 0);
}

// The whole schedule on the CUDA back end's arithmetic: every stage trains, in both types.
TEST(EmulatedTraining, LearnsTheSmallCorpus) {
  const TemporaryFolder folder;
  write_small_corpus(folder / "data");
  for (const backend::Precision precision : {backend::Precision::f32, backend::Precision::bf16}) {
    const auto backend = backend::cuda::make_emulated_backend(precision);
    RunSettings run;
    run.recipe = small_recipe();
    run.data = folder / "data";
    run.out = folder / (precision == backend::Precision::f32 ? "f32" : "bf16");
    run.workers = 1;
    std::vector<std::string> said;
    run.reporter.say = [&](const std::string& line) { said.push_back(line); };
    ASSERT_TRUE(run_schedule(*backend, run));
    EXPECT_THAT(said, testing::Contains(testing::HasSubstr("memory about")));
    EXPECT_TRUE(std::filesystem::exists(run.out / "audiovisual.safetensors"));
  }
}

}  // namespace
}  // namespace avsr::pipeline
