#include "pipeline/training_step.h"

#include <array>
#include <cmath>

#include "pipeline/transfer.h"

namespace avsr::pipeline {
namespace {

OptimizerState make_optimizer(const Recipe& recipe, const Stage& stage, layers::ParameterArena& arena) {
  arena.train_only(stage.train);
  freeze(arena, recipe.freeze);
  return {stage.optimizer, arena, arena.trainable_ranges()};
}

}  // namespace

TrainingStep::TrainingStep(backend::Backend& backend, const Recipe& recipe, const Stage& stage, const InputRule& rule,
                           int labels, const Ranks& ranks)
    : ranks_(ranks),
      synchronised_batch_norm_(recipe.sync_batch_norm),
      network_(models::make_network(backend, network_of(recipe, stage, labels), recipe.seed)),
      writer_(rule, network_->config()),
      inputs_(backend, writer_),
      scorer_(backend, stage.loss, labels),
      optimizer_(make_optimizer(recipe, stage, network_->parameters())) {
  network_->set_statistics_move(stage.statistics_move);
  if (ranks_.size() > 1) gradient_sums_.emplace(network_->parameters());
}

TrainingStep::Outcome TrainingStep::run(const HostBatch& batch, double rate, int64_t step, uint64_t dropout_seed) {
  layers::ParameterArena& arena = network_->parameters();
  arena.zero_gradients();
  backend::Lengths steps;
  const backend::Tensor& logits = network_->forward(inputs_.upload(batch), models::Mode::training, dropout_seed, steps);
  Outcome outcome{scorer_.score(logits, steps, batch)};
  share_outcome(outcome.score);
  if (!std::isfinite(outcome.score.loss_sum)) return outcome;
  if (gradient_sums_) gradient_sums_->begin();
  network_->backward(scorer_.gradient());
  if (gradient_sums_) gradient_sums_->finish();
  share_statistics();
  outcome.gradient_norm = optimizer_.step(rate, step);
  if (std::isfinite(outcome.gradient_norm)) arena.touch_trainable();
  return outcome;
}

void TrainingStep::share_outcome(Score& score) {
  if (ranks_.size() == 1) return;
  std::array<double, 3> sums{score.loss_sum, static_cast<double>(score.clips), static_cast<double>(score.correct)};
  ranks_.sum(sums);
  score = {sums[0], static_cast<int64_t>(sums[1]), static_cast<int64_t>(sums[2])};
}

// Of equal values the mean is that value, to the bit: frozen statistics stay as they are.
void TrainingStep::share_statistics() {
  if (ranks_.size() == 1 || synchronised_batch_norm_) return;
  backend::Tensor& statistics = network_->parameters().statistics();
  std::vector<float> values = network_->parameters().backend().values(statistics);
  std::vector<double> sums(values.begin(), values.end());
  ranks_.sum(sums);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(sums[i] / ranks_.size());
  network_->parameters().backend().upload(values.data(), statistics);
}

const backend::Tensor& TrainingStep::infer(const HostBatch& batch, backend::Lengths& steps) {
  return network_->forward(inputs_.upload(batch), models::Mode::inference, 0, steps);
}

}  // namespace avsr::pipeline
