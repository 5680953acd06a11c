// Logits and labels -> loss, gradient and hits.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "models/backend/backend.h"
#include "pipeline/data/input_rule.h"

namespace avsr::pipeline {

struct Score {
  double loss_sum = 0;  // over clips
  int64_t clips = 0, correct = 0;
  double loss() const { return clips ? loss_sum / static_cast<double>(clips) : 0; }
  double accuracy() const { return clips ? static_cast<double>(correct) / static_cast<double>(clips) : 0; }
  Score& operator+=(const Score& other);
};

class Scorer {
 public:
  Scorer(backend::Backend& backend, const backend::CrossEntropySpec& spec, int labels);
  // Starts to compute the losses and their gradient, and waits for nothing. logits: (B, T, V); steps: (B). The targets
  // are the batch's labels; where it is mixed, both clips' by their shares, and an answer is correct that is the larger
  // share's (Note [Mixup]).
  void launch(const backend::Tensor& logits, const backend::Lengths& steps, const HostBatch& batch);
  // Of the last launch: (B, T, V), the gradient of the mean loss.
  backend::Tensor& gradient() { return gradient_; }
  // Of all launches since the last read; waits for the device.
  Score read();
  // Both in one.
  Score score(const backend::Tensor& logits, const backend::Lengths& steps, const HostBatch& batch);

 private:
  struct Launched {
    backend::Tensor losses, probabilities;
    std::vector<int> labels;
  };
  void add(const Launched& one, Score& score);

  backend::Backend& backend_;
  std::shared_ptr<backend::CrossEntropy> kernel_;
  int labels_;
  backend::Tensor targets_, gradient_;
  std::vector<Launched> launched_;  // the first `waiting_` are not read yet; the others only keep their memory
  size_t waiting_ = 0;
  std::vector<float> target_values_, host_losses_, host_probabilities_;
};

}  // namespace avsr::pipeline
