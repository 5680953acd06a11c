// A step from batch to new weights: when it waits for the device, and what it leaves alone.
#include "pipeline/training/training_step.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "models/backend/cuda/cuda_backend.h"
#include "models/backend/cuda/emulated.h"
#include "pipeline/device.h"
#include "preprocessing/random.h"
#include "tests/pipeline/small_corpus.h"

namespace avsr::pipeline {
namespace {

InputRule small_rule() {
  InputRule rule;
  rule.geometry = small_recipe().data.geometry;
  return rule;
}

// Clips of these many frames, of noise, with labels 0, 1, 0, …
HostBatch noise_batch(const TrainingStep& step, const std::vector<int>& frames) {
  HostBatch batch;
  step.writer().begin(frames, batch);
  preprocessing::Random random(7);
  for (uint8_t& pixel : batch.video) pixel = static_cast<uint8_t>(random.below(256));
  for (float& sample : batch.audio) sample = static_cast<float>(random.normal());
  for (size_t b = 0; b < frames.size(); ++b) batch.labels[b] = static_cast<int>(b % 2);
  return batch;
}

TEST(TrainingStep, WaitsForTheDeviceOnlyForLossHitsAndNorm) {
  const Recipe recipe = small_recipe();
  for (const Stage& stage : recipe.stages) {  // with one range of parameters that train, and with several
    const auto backend = backend::cuda::make_emulated_backend(backend::Precision::f32);
    TrainingStep step(*backend, recipe, stage, small_rule(), 2);
    const HostBatch batch = noise_batch(step, {kSmallFrames, kSmallFrames - 2});
    for (int64_t number = 1; number <= 2; ++number) step.run(batch, 1e-3, number, 0);
    const auto& stream = dynamic_cast<backend::cuda::CudaBackend&>(*backend).stream();
    const int64_t before = stream.waits();
    step.run(batch, 1e-3, 3, 0);
    EXPECT_EQ(stream.waits() - before, 3) << stage.name;
  }
}

// That the gradients were computed says that the loss was read after them.
TEST(TrainingStep, ALossThatIsNotFiniteIsSeenAfterBackwardAndChangesNothing) {
  const Recipe recipe = small_recipe();
  const auto backend = open_device({"cpu", 1});
  for (const char* poisoned : {"audio/head/bias", "audio/recurrent/layer0/forward/b_ih"}) {
    TrainingStep step(*backend, recipe, recipe.stages[1], small_rule(), 2);
    layers::ParameterArena& arena = step.parameters();
    const backend::Tensor& values = arena.at(poisoned).value;
    std::vector<float> bad(static_cast<size_t>(values.shape.count()), 0);
    bad[0] = NAN;
    backend->upload(bad.data(), values);
    arena.touch();
    const std::vector<float> before = backend->values(arena.values());
    const auto outcome = step.run(noise_batch(step, {kSmallFrames, kSmallFrames}), 1e-3, 1, 0);
    EXPECT_FALSE(std::isfinite(outcome.score.loss_sum));
    const std::vector<float> after = backend->values(arena.values()), gradients = backend->values(arena.gradients());
    for (size_t i = 0; i < before.size(); ++i)
      ASSERT_TRUE(before[i] == after[i] || (std::isnan(before[i]) && std::isnan(after[i])));
    EXPECT_TRUE(std::any_of(gradients.begin(), gradients.end(), [](float g) { return g != 0; }));
  }
}

TEST(TrainingStep, ClipsTheNormOfAllGradientsTogether) {
  const auto backend = open_device({"cpu", 1});
  const auto moved_by = [&](const std::string& clip_norm, double& norm) {  // sgd without momentum at rate 1
    const Recipe recipe =
        small_recipe({"stages.join.optimizer={kind: sgd, momentum: 0, clip_norm: " + clip_norm + "}"});
    TrainingStep step(*backend, recipe, recipe.stages.back(), small_rule(), 2);
    const std::vector<float> before = backend->values(step.parameters().values());
    norm = step.run(noise_batch(step, {kSmallFrames, kSmallFrames}), 1, 1, 0).gradient_norm;
    const std::vector<float> after = backend->values(step.parameters().values());
    double squares = 0;
    for (size_t i = 0; i < before.size(); ++i) squares += std::pow(double{after[i]} - double{before[i]}, 2);
    return std::sqrt(squares);
  };
  double norm = 0, clipped = 0;
  const double whole = moved_by("0", norm);
  EXPECT_NEAR(whole, norm, 1e-4 * norm);
  EXPECT_NEAR(moved_by("1.0e-3", clipped), 1e-3, 1e-6);
  EXPECT_EQ(clipped, norm) << "reported before clipping";
  EXPECT_EQ(moved_by("1.0e+3", clipped), whole) << "a norm below the limit is left alone";
}

// Clips [first, last) of a batch, as the part of it that a loader would make.
HostBatch part_of(const TrainingStep& step, const HostBatch& whole, int first, int last) {
  HostBatch part;
  step.writer().begin({whole.frames.begin() + first, whole.frames.begin() + last}, part);
  part.whole_clips = whole.clips;
  part.ends_batch = last == whole.clips;
  const size_t samples = whole.audio.size() / static_cast<size_t>(whole.clips),
               kept = part.audio.size() / static_cast<size_t>(part.clips);
  for (int b = 0; b < part.clips; ++b) {
    const size_t from = static_cast<size_t>(first + b);
    std::copy_n(whole.audio.begin() + static_cast<std::ptrdiff_t>(from * samples), kept,
                part.audio.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(b) * kept));
    part.labels[static_cast<size_t>(b)] = whole.labels[from];
  }
  return part;
}

// Parts of other sizes, padded to other lengths, on a network whose batch norm is frozen.
TEST(TrainingStep, PartsAddUpToTheBatch) {
  const Recipe recipe = small_recipe({"network.recurrent.input_dropout=0", "stages.a-rec.optimizer={clip_norm: 0.01}"});
  const auto backend = open_device({"cpu", 1});
  TrainingStep at_once(*backend, recipe, recipe.stages[1], small_rule(), 2);
  TrainingStep in_parts(*backend, recipe, recipe.stages[1], small_rule(), 2);
  const HostBatch batch = noise_batch(at_once, {20, 23, 21, 22, 29, 25});
  for (int64_t number = 1; number <= 2; ++number) {
    const auto expected = at_once.run(batch, 1e-2, number, 0);
    for (const auto& [first, last] : {std::pair{0, 1}, std::pair{1, 4}, std::pair{4, 6}})
      in_parts.launch(part_of(in_parts, batch, first, last), 0);
    const auto got = in_parts.finish(1e-2, number);
    EXPECT_EQ(got.score.clips, 6);
    EXPECT_EQ(got.score.correct, expected.score.correct);
    EXPECT_NEAR(got.score.loss_sum, expected.score.loss_sum, 1e-5);
    EXPECT_NEAR(got.gradient_norm, expected.gradient_norm, 1e-5 * expected.gradient_norm);
    const std::vector<float> a = backend->values(at_once.parameters().values()),
                             b = backend->values(in_parts.parameters().values());
    for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 2e-4) << number << ", " << i;
    const std::vector<float> da = backend->values(at_once.parameters().gradients()),
                             db = backend->values(in_parts.parameters().gradients());
    for (size_t i = 0; i < da.size(); ++i) ASSERT_NEAR(da[i], db[i], 1e-5 * expected.gradient_norm) << i;
  }
}

TEST(TrainingStep, PartsDrawTheirOwnDropout) {
  const Recipe recipe = small_recipe({"network.recurrent.input_dropout=0.5"});
  const auto backend = open_device({"cpu", 1});
  TrainingStep step(*backend, recipe, recipe.stages[1], small_rule(), 2);
  HostBatch batch = noise_batch(step, {kSmallFrames});
  batch.whole_clips = 2;
  const auto loss = [&](uint64_t seed) {
    step.launch(batch, seed);
    return step.finish(0, 1).score.loss_sum;
  };
  const double first = loss(1);
  EXPECT_EQ(loss(1), first);
  step.launch(batch, 1);
  step.launch(batch, 1);
  EXPECT_NE(step.finish(0, 1).score.loss_sum, 2 * first);
}

// A few steps of every kind on one batch lower its loss, and the state that they need is what a checkpoint keeps.
TEST(TrainingStep, EveryOptimizerLearnsABatch) {
  const auto backend = open_device({"cpu", 1});
  struct Kind {
    const char* optimizer;
    double rate;
    size_t tensors;
  };
  const Kind kinds[] = {{"{kind: adam, weight_decay: 1.0e-3}", 0.01, 2},
                        {"{kind: adamw, weight_decay: 0.1}", 0.01, 2},
                        {"{kind: sgd}", 0.01, 1},
                        {"{kind: sgd, momentum: 0}", 0.01, 0},
                        {"{kind: adagrad}", 0.01, 1},
                        {"{kind: rmsprop}", 0.001, 1},
                        {"{kind: rmsprop, momentum: 0.9, decoupled: true, weight_decay: 0.1}", 0.001, 2}};
  for (const auto& [optimizer, rate, tensors] : kinds) {
    const Recipe recipe = small_recipe({std::string("stages.a-conv.optimizer=") + optimizer});
    TrainingStep step(*backend, recipe, recipe.stages[0], small_rule(), 2);
    EXPECT_EQ(step.optimizer().tensors().size(), tensors) << optimizer;
    const HostBatch batch = noise_batch(step, {kSmallFrames, kSmallFrames});
    const double first = step.run(batch, rate, 1, 0).score.loss();
    double last = first;
    for (int64_t number = 2; number <= 8; ++number) last = step.run(batch, rate, number, 0).score.loss();
    EXPECT_LT(last, 0.98 * first) << optimizer;
  }
}

}  // namespace
}  // namespace avsr::pipeline
