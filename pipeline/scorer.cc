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
    : backend_(backend), kernel_(backend.cross_entropy(spec)), labels_(labels) {}

Score Scorer::score(const backend::Tensor& logits, const backend::Lengths& steps, const HostBatch& batch) {
  const std::vector<int>& labels = batch.labels;
  const auto clips = static_cast<int64_t>(labels.size());
  target_values_.assign(labels.size() * static_cast<size_t>(labels_), 0);
  for (size_t b = 0; b < labels.size(); ++b) {
    float* row = target_values_.data() + b * static_cast<size_t>(labels_);
    const float share = batch.own_share.empty() ? 1 : batch.own_share[b];
    row[labels[b]] += share;
    if (!batch.second_labels.empty()) row[batch.second_labels[b]] += 1 - share;
  }
  backend_.resize(targets_, {clips, labels_});
  backend_.upload(target_values_.data(), targets_);
  kernel_->run(logits, targets_, &steps, losses_, probabilities_, gradient_);
  host_losses_.resize(labels.size());
  host_probabilities_.resize(target_values_.size());
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
