#include "pipeline/scorer.h"

#include <algorithm>

namespace avsr::pipeline {

Score& Score::operator+=(const Score& other) {
  loss_sum += other.loss_sum;
  clips += other.clips;
  correct += other.correct;
  return *this;
}

int largest(const float* values, int count) {
  return static_cast<int>(std::max_element(values, values + count) - values);
}

Scorer::Scorer(backend::Backend& backend, const backend::CrossEntropySpec& spec, int labels)
    : backend_(backend), spec_(spec), labels_(labels) {}

Score Scorer::score(const backend::Tensor& logits, const backend::Lengths& steps, std::span<const int> labels,
                    int whole_batch) {
  const auto clips = static_cast<int64_t>(labels.size());
  one_hot_.assign(labels.size() * static_cast<size_t>(labels_), 0);
  for (size_t b = 0; b < labels.size(); ++b)
    one_hot_[b * static_cast<size_t>(labels_) + static_cast<size_t>(labels[b])] = 1;
  backend_.resize(targets_, {clips, labels_});
  backend_.upload(one_hot_.data(), targets_);
  spec_.whole_batch = whole_batch;
  backend_.cross_entropy(spec_)->run(logits, targets_, &steps, losses_, probabilities_, gradient_);
  host_losses_.resize(labels.size());
  host_probabilities_.resize(one_hot_.size());
  backend_.download(losses_, host_losses_.data());
  backend_.download(probabilities_, host_probabilities_.data());

  Score score;
  score.clips = clips;
  for (size_t b = 0; b < labels.size(); ++b) {
    score.loss_sum += host_losses_[b];
    score.correct += largest(host_probabilities_.data() + b * static_cast<size_t>(labels_), labels_) == labels[b];
  }
  return score;
}

}  // namespace avsr::pipeline
