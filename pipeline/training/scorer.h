// Logits and what was said -> loss, gradient and how much of it is right.
#pragma once

#include <cstdint>
#include <memory>

#include "models/backend/backend.h"
#include "models/loss.h"
#include "pipeline/data/input_rule.h"

namespace avsr::pipeline {

struct Score {
  double loss_sum = 0;  // over clips; of sentences nats for a symbol
  int64_t clips = 0;
  // What is counted: clips and those that are right, or symbols of sentences and these less all errors of the best path
  // (so that the accuracy is 1 - character error rate, and may be below 0).
  int64_t units = 0, correct = 0;
  double loss() const { return clips ? loss_sum / static_cast<double>(clips) : 0; }
  double accuracy() const { return units ? static_cast<double>(correct) / static_cast<double>(units) : 0; }
  Score& operator+=(const Score& other);
};

class Scorer {
 public:
  virtual ~Scorer() = default;
  // Starts to compute the losses and their gradient; on a GPU waits for nothing, unless the loss itself must. logits:
  // (B, T, V); steps: (B). The targets are the batch's: its labels (where it is mixed, both clips' by their shares, and
  // an answer is correct that is the larger share's: Note [Mixup]), or its texts.
  virtual void launch(const backend::Tensor& logits, const backend::Lengths& steps, const HostBatch& batch) = 0;
  // Of all launches since the last read; waits for the device.
  virtual Score read() = 0;
  // Both in one.
  Score score(const backend::Tensor& logits, const backend::Lengths& steps, const HostBatch& batch) {
    launch(logits, steps, batch);
    return read();
  }
  // Of the last launch: (B, T, V), the gradient of the mean loss.
  backend::Tensor& gradient() { return gradient_; }

 protected:
  backend::Tensor gradient_;
};

// labels: V.
std::unique_ptr<Scorer> make_scorer(backend::Backend& backend, const models::LossSettings& loss, int labels);

}  // namespace avsr::pipeline
