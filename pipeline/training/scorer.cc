#include "pipeline/training/scorer.h"

#include <span>

#include "eval/scores.h"

namespace avsr::pipeline {

Score& Score::operator+=(const Score& other) {
  loss_sum += other.loss_sum;
  clips += other.clips;
  correct += other.correct;
  return *this;
}

Scorer::Scorer(backend::Backend& backend, const backend::CrossEntropySpec& spec, int labels)
    : backend_(backend), kernel_(backend.cross_entropy(spec)), labels_(labels) {}

void Scorer::launch(const backend::Tensor& logits, const backend::Lengths& steps, const HostBatch& batch) {
  const std::vector<int>& labels = batch.labels;
  target_values_.assign(labels.size() * static_cast<size_t>(labels_), 0);
  for (size_t b = 0; b < labels.size(); ++b) {
    float* row = target_values_.data() + b * static_cast<size_t>(labels_);
    const float share = batch.own_share.empty() ? 1 : batch.own_share[b];
    row[labels[b]] += share;
    if (!batch.second_labels.empty()) row[batch.second_labels[b]] += 1 - share;
  }
  backend_.resize(targets_, {static_cast<int64_t>(labels.size()), labels_});
  backend_.upload(target_values_.data(), targets_);
  if (waiting_ == launched_.size()) launched_.emplace_back();
  Launched& one = launched_[waiting_++];
  one.labels = labels;
  kernel_->run(logits, targets_, &steps, one.losses, one.probabilities, gradient_);
}

Score Scorer::read() {
  Score score;
  for (size_t i = 0; i < waiting_; ++i) add(launched_[i], score);
  waiting_ = 0;
  return score;
}

void Scorer::add(const Launched& one, Score& score) {
  const size_t clips = one.labels.size(), columns = static_cast<size_t>(labels_);
  host_losses_.resize(clips);
  host_probabilities_.resize(clips * columns);
  backend_.download(one.losses, host_losses_.data());
  backend_.download(one.probabilities, host_probabilities_.data());
  score.clips += static_cast<int64_t>(clips);
  for (size_t b = 0; b < clips; ++b) {
    score.loss_sum += host_losses_[b];
    score.correct += eval::best_label(std::span(host_probabilities_).subspan(b * columns, columns)) == one.labels[b];
  }
}

Score Scorer::score(const backend::Tensor& logits, const backend::Lengths& steps, const HostBatch& batch) {
  launch(logits, steps, batch);
  return read();
}

}  // namespace avsr::pipeline
