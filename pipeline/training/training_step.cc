#include "pipeline/training/training_step.h"

#include <array>
#include <cmath>

#include "pipeline/training/transfer.h"
#include "preprocessing/random.h"

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
      scorer_(make_scorer(backend, stage.loss, labels)),
      optimizer_(make_optimizer(recipe, stage, network_->parameters())) {
  network_->set_statistics_move(stage.statistics_move);
  if (ranks_.size() > 1) gradient_sums_.emplace(network_->parameters());
}

void TrainingStep::launch(const HostBatch& part, uint64_t dropout_seed) {
  layers::ParameterArena& arena = network_->parameters();
  if (launched_ == 0) arena.zero_gradients();
  const uint64_t seed = launched_ == 0 ? dropout_seed : preprocessing::derive_key(dropout_seed, launched_);
  backend::Lengths steps;
  const backend::Tensor& logits = network_->forward(inputs_.upload(part), models::Mode::training, seed, steps);
  scorer_->launch(logits, steps, part);
  backend::Tensor& gradient = scorer_->gradient();  // of the part's mean
  if (part.clips != part.whole_clips)
    arena.backend().scale(gradient, static_cast<float>(part.clips) / static_cast<float>(part.whole_clips));
  // The last part leaves the sums over all parts in the arena: only these are added up over ranks.
  const bool adds_up = gradient_sums_ && part.ends_batch;
  if (adds_up) gradient_sums_->begin();
  network_->backward(gradient);
  if (adds_up) gradient_sums_->finish();
  ++launched_;
}

TrainingStep::Outcome TrainingStep::finish(double rate, int64_t step) {
  launched_ = 0;
  optimizer_.launch_norm();
  // The only place where a step waits for the device: all that can be asked for without an answer is under way.
  Outcome outcome{scorer_->read(), optimizer_.norm()};
  outcome.score = sum_over(ranks_, outcome.score);
  share_statistics();
  if (!std::isfinite(outcome.score.loss_sum) || !std::isfinite(outcome.gradient_norm)) return outcome;
  optimizer_.step(rate, step, outcome.gradient_norm);
  network_->parameters().touch_trainable();
  return outcome;
}

TrainingStep::Outcome TrainingStep::run(const HostBatch& batch, double rate, int64_t step, uint64_t dropout_seed) {
  launch(batch, dropout_seed);
  return finish(rate, step);
}

Score sum_over(const Ranks& ranks, const Score& score) {
  if (ranks.size() == 1) return score;
  std::array<double, 4> sums{score.loss_sum, static_cast<double>(score.clips), static_cast<double>(score.units),
                             static_cast<double>(score.correct)};
  ranks.sum(sums);
  return {sums[0], static_cast<int64_t>(sums[1]), static_cast<int64_t>(sums[2]), static_cast<int64_t>(sums[3])};
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
