#include "pipeline/training/scorer.h"

#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "decoding/ctc_decoder.h"
#include "eval/error_rate.h"
#include "eval/scores.h"

namespace avsr::pipeline {
namespace {

// What is launched and not read yet; entries keep their memory from batch to batch.
template <class Launched>
class Waiting {
 public:
  Launched& next() {
    if (count_ == all_.size()) all_.emplace_back();
    return all_[count_++];
  }
  std::span<const Launched> take() { return std::span(all_).first(std::exchange(count_, 0)); }

 private:
  std::vector<Launched> all_;
  size_t count_ = 0;
};

class WordScorer final : public Scorer {
 public:
  WordScorer(backend::Backend& backend, const backend::CrossEntropySpec& spec, int labels)
      : backend_(backend), kernel_(backend.cross_entropy(spec)), labels_(static_cast<size_t>(labels)) {}

  void launch(const backend::Tensor& logits, const backend::Lengths& steps, const HostBatch& batch) override {
    const std::vector<int>& labels = batch.labels;
    target_values_.assign(labels.size() * labels_, 0);
    for (size_t b = 0; b < labels.size(); ++b) {
      float* row = target_values_.data() + b * labels_;
      const float share = batch.own_share.empty() ? 1 : batch.own_share[b];
      row[labels[b]] += share;
      if (!batch.second_labels.empty()) row[batch.second_labels[b]] += 1 - share;
    }
    backend_.resize(targets_, {static_cast<int64_t>(labels.size()), static_cast<int64_t>(labels_)});
    backend_.upload(target_values_.data(), targets_);
    Launched& one = waiting_.next();
    one.labels = labels;
    kernel_->run(logits, targets_, &steps, one.losses, one.probabilities, gradient_);
  }

  Score read() override {
    Score score;
    for (const Launched& one : waiting_.take()) add(one, score);
    return score;
  }

 private:
  struct Launched {
    backend::Tensor losses, probabilities;
    std::vector<int> labels;
  };
  void add(const Launched& one, Score& score) {
    const size_t clips = one.labels.size();
    host_losses_.resize(clips);
    host_probabilities_.resize(clips * labels_);
    backend_.download(one.losses, host_losses_.data());
    backend_.download(one.probabilities, host_probabilities_.data());
    score.clips += static_cast<int64_t>(clips);
    score.units += static_cast<int64_t>(clips);
    for (size_t b = 0; b < clips; ++b) {
      score.loss_sum += host_losses_[b];
      score.correct += eval::best_label(std::span(host_probabilities_).subspan(b * labels_, labels_)) == one.labels[b];
    }
  }

  backend::Backend& backend_;
  std::shared_ptr<backend::CrossEntropy> kernel_;
  size_t labels_;
  backend::Tensor targets_;
  Waiting<Launched> waiting_;
  std::vector<float> target_values_, host_losses_, host_probabilities_;
};

class SentenceScorer final : public Scorer {
 public:
  SentenceScorer(backend::Backend& backend, double time_slack)
      : backend_(backend), kernel_(backend.ctc_loss()), slack_frames_(time_slack * io::kFramesPerSecond) {}

  void launch(const backend::Tensor& logits, const backend::Lengths& steps, const HostBatch& batch) override {
    Launched& one = waiting_.next();
    one.texts = batch.texts;
    one.steps = steps;
    backend_.to_channels_last(logits, one.logits);
    kernel_->run(logits, &steps, batch.texts, windows_of(batch), one.losses, gradient_);
  }

  Score read() override {
    Score score;
    for (const Launched& one : waiting_.take()) add(one, score);
    return score;
  }

 private:
  struct Launched {
    backend::Tensor losses, logits;
    backend::Lengths steps;
    std::vector<std::vector<int>> texts;
  };
  // Empty without slack, and for clips whose words' times are not known.
  std::vector<std::vector<decoding::StepWindow>> windows_of(const HostBatch& batch) const {
    std::vector<std::vector<decoding::StepWindow>> windows;
    if (slack_frames_ <= 0) return windows;
    for (const std::vector<WordSpan>& times : batch.symbol_times) {
      std::vector<decoding::StepWindow>& own = windows.emplace_back();
      for (const WordSpan& span : times)
        own.push_back({static_cast<int>(std::floor(span.first - slack_frames_)),
                       static_cast<int>(std::floor(span.last + slack_frames_))});
    }
    return windows;
  }
  void add(const Launched& one, Score& score) {
    const std::vector<float> losses = backend_.values(one.losses), logits = backend_.values(one.logits);
    const auto padded = static_cast<size_t>(one.logits.shape[1]), symbols = static_cast<size_t>(one.logits.shape[2]);
    for (size_t b = 0; b < one.texts.size(); ++b) {
      ++score.clips;
      // A clip with too few steps for its text teaches nothing (CtcLoss); NaN must be seen.
      if (!std::isinf(losses[b])) score.loss_sum += losses[b];
      const std::span<const float> rows =
          std::span(logits).subspan(b * padded * symbols, static_cast<size_t>(one.steps[b]) * symbols);
      const std::vector<int> read = decoding::best_path(rows, static_cast<int>(symbols));
      score.units += static_cast<int64_t>(one.texts[b].size());
      score.correct += static_cast<int64_t>(one.texts[b].size()) - eval::token_errors(one.texts[b], read).errors();
    }
  }

  backend::Backend& backend_;
  std::shared_ptr<backend::CtcLoss> kernel_;
  double slack_frames_;
  Waiting<Launched> waiting_;
};

}  // namespace

Score& Score::operator+=(const Score& other) {
  loss_sum += other.loss_sum;
  clips += other.clips;
  units += other.units;
  correct += other.correct;
  return *this;
}

std::unique_ptr<Scorer> make_scorer(backend::Backend& backend, const models::LossSettings& loss, int labels) {
  if (loss.kind == models::Loss::ctc) return std::make_unique<SentenceScorer>(backend, loss.time_slack);
  return std::make_unique<WordScorer>(backend, loss.cross_entropy(), labels);
}

}  // namespace avsr::pipeline
