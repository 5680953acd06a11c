// One optimizer step on one batch: what the trainer repeats, and what a rehearsal of its memory does once.
#pragma once

#include <memory>
#include <optional>

#include "models/network.h"
#include "pipeline/data/input_rule.h"
#include "pipeline/ranks.h"
#include "pipeline/training/gradient_sums.h"
#include "pipeline/training/optimizer.h"
#include "pipeline/training/recipe.h"
#include "pipeline/training/scorer.h"

namespace avsr::pipeline {

// The sum of the ranks' scores. Collective.
Score sum_over(const Ranks& ranks, const Score& score);

class TrainingStep {
 public:
  // The stage's network with what it trains marked, on this back end, which has joined the ranks where there are some.
  TrainingStep(backend::Backend& backend, const Recipe& recipe, const Stage& stage, const InputRule& rule, int labels,
               const Ranks& ranks = {});

  models::Network& network() { return *network_; }
  layers::ParameterArena& parameters() { return network_->parameters(); }
  OptimizerState& optimizer() { return optimizer_; }
  const BatchWriter& writer() const { return writer_; }

  // Forward, loss and backward of a batch or of a part of one, whose gradients add up to that of the mean loss over all
  // clips of the batch. On a GPU nothing waits for them. dropout_seed: of the batch.
  void launch(const HostBatch& part, uint64_t dropout_seed);
  struct Outcome {
    Score score;
    double gradient_norm = 0;  // before clipping
  };
  // With several ranks each launches its share of every part; the outcome, the gradients and so the step are those of
  // the whole, and running batch-norm statistics are the mean of the ranks'. Collective.
  // The optimizer's step number `step`, counted from 1, on what was launched since the last one. Parameters stay as
  // they are when the loss or the norm is not finite.
  Outcome finish(double rate, int64_t step);
  // Both, of a batch in one part.
  Outcome run(const HostBatch& batch, double rate, int64_t step, uint64_t dropout_seed);

  // The network's answers in inference; they live until the next call of the network.
  const backend::Tensor& infer(const HostBatch& batch, backend::Lengths& steps);

 private:
  void share_statistics();

  Ranks ranks_;
  bool synchronised_batch_norm_;
  std::unique_ptr<models::Network> network_;
  BatchWriter writer_;
  DeviceBatch inputs_;
  std::unique_ptr<Scorer> scorer_;
  OptimizerState optimizer_;
  std::optional<GradientSums> gradient_sums_;  // of several ranks
  uint64_t launched_ = 0;                      // parts of the running batch
};

}  // namespace avsr::pipeline
