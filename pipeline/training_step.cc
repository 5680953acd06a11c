#include "pipeline/training_step.h"

#include <cmath>

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

TrainingStep::Outcome TrainingStep::run(const HostBatch& batch, double rate, int64_t step, uint64_t dropout_seed) {
  layers::ParameterArena& arena = network_->parameters();
  arena.zero_gradients();
  backend::Lengths steps;
  const backend::Tensor& logits = network_->forward(inputs_.upload(batch), models::Mode::training, dropout_seed, steps);
  Outcome outcome{scorer_.score(logits, steps, batch)};
  if (!std::isfinite(outcome.score.loss_sum)) return outcome;
  network_->backward(scorer_.gradient());
  outcome.gradient_norm = optimizer_.step(rate, step);
  if (std::isfinite(outcome.gradient_norm)) arena.touch_trainable();
  return outcome;
}

const backend::Tensor& TrainingStep::infer(const HostBatch& batch, backend::Lengths& steps) {
  return network_->forward(inputs_.upload(batch), models::Mode::inference, 0, steps);
}

}  // namespace avsr::pipeline
