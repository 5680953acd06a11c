#include "pipeline/training_step.h"

#include <cmath>

#include "preprocessing/random.h"

namespace avsr::pipeline {
namespace {

OptimizerState make_optimizer(const Stage& stage, layers::ParameterArena& arena) {
  arena.train_only(stage.train);
  return {stage.optimizer, arena, arena.trainable_ranges()};
}

}  // namespace

TrainingStep::TrainingStep(backend::Backend& backend, const Recipe& recipe, const Stage& stage, const InputRule& rule,
                           int labels)
    : network_(models::make_network(backend, network_of(recipe, stage, labels), recipe.seed)),
      writer_(rule, network_->config()),
      inputs_(backend, writer_),
      scorer_(backend, stage.loss, labels),
      optimizer_(make_optimizer(stage, network_->parameters())) {
  network_->set_statistics_move(stage.statistics_move);
}

void TrainingStep::launch(const HostBatch& part, uint64_t dropout_seed) {
  layers::ParameterArena& arena = network_->parameters();
  if (launched_ == 0) arena.zero_gradients();
  const uint64_t seed = launched_ == 0 ? dropout_seed : preprocessing::derive_key(dropout_seed, launched_);
  backend::Lengths steps;
  const backend::Tensor& logits = network_->forward(inputs_.upload(part), models::Mode::training, seed, steps);
  scorer_.launch(logits, steps, part);
  backend::Tensor& gradient = scorer_.gradient();  // of the part's mean
  if (part.clips != part.whole_clips)
    arena.backend().scale(gradient, static_cast<float>(part.clips) / static_cast<float>(part.whole_clips));
  network_->backward(gradient);
  ++launched_;
}

TrainingStep::Outcome TrainingStep::finish(double rate, int64_t step) {
  launched_ = 0;
  optimizer_.launch_norm();
  // The only place where a step waits for the device: all that can be asked for without an answer is under way.
  const Outcome outcome{scorer_.read(), optimizer_.norm()};
  if (!std::isfinite(outcome.score.loss_sum) || !std::isfinite(outcome.gradient_norm)) return outcome;
  optimizer_.step(rate, step, outcome.gradient_norm);
  network_->parameters().touch_trainable();
  return outcome;
}

TrainingStep::Outcome TrainingStep::run(const HostBatch& batch, double rate, int64_t step, uint64_t dropout_seed) {
  launch(batch, dropout_seed);
  return finish(rate, step);
}

const backend::Tensor& TrainingStep::infer(const HostBatch& batch, backend::Lengths& steps) {
  return network_->forward(inputs_.upload(batch), models::Mode::inference, 0, steps);
}

}  // namespace avsr::pipeline
