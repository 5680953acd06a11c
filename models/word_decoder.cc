#include "models/word_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

namespace avsr::models {
namespace {

constexpr float kSmallest = 1e-6f;   // floor of a probability before its logarithm
constexpr size_t kSettleEvery = 64;  // windows, between two looks at what all paths have in common
constexpr float kImpossible = -std::numeric_limits<float>::infinity();

size_t index_of_best(std::span<const float> values) {
  return static_cast<size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

}  // namespace

void WordDecoding::validate() const {
  if (!(unknown_below > 0 && unknown_below < 1))
    throw std::invalid_argument(fmt::format("[decoding] unknown_below must lie in (0, 1), got {}", unknown_below));
  if (!(switch_cost >= 0))
    throw std::invalid_argument(fmt::format("[decoding] switch_cost is negative: {}", switch_cost));
  if (fewest_windows < 1)
    throw std::invalid_argument(fmt::format("[decoding] fewest_windows must be at least 1, got {}", fewest_windows));
}

WordDecoder::WordDecoder(int labels, int background, const WordDecoding& decoding)
    : labels_(labels), background_(background), decoding_(decoding) {
  decoding.validate();
  if (labels < 1 || background >= labels)
    throw std::invalid_argument(fmt::format("[decoding] background {} of {} labels", background, labels));
  score_.resize(static_cast<size_t>(states()), 0);
}

float WordDecoder::emission(std::span<const float> row, bool has_input, int state) const {
  if (state == absent()) return has_input ? kImpossible : 0;
  if (!has_input) return kImpossible;
  return std::log(state == unknown() ? decoding_.unknown_below : std::max(row[state], kSmallest));
}

void WordDecoder::push(std::span<const float> row) {
  if (row.size() != static_cast<size_t>(labels_))
    throw std::invalid_argument(fmt::format("[decoding] {} probabilities for {} labels", row.size(), labels_));
  const bool has_input = std::any_of(row.begin(), row.end(), [](float p) { return p > 0; });
  const bool first = decided_ == 0 && undecided_.empty();
  const auto best = static_cast<int>(index_of_best(score_));
  Window window{{row.begin(), row.end()}, std::vector<int32_t>(static_cast<size_t>(states()))};
  const float after_switch = score_[best] - decoding_.switch_cost;
  for (int s = 0; s < states(); ++s) {
    const bool stay = first || score_[s] >= after_switch;
    window.from[s] = stay ? s : best;
    score_[s] = (stay ? score_[s] : after_switch) + emission(row, has_input, s);
  }
  // Against the best, so that an hour's sum does not swallow what a window adds.
  const float highest = score_[index_of_best(score_)];
  for (float& score : score_) score -= highest;
  undecided_.push_back(std::move(window));
  if (undecided_.size() % kSettleEvery == 0) settle();
}

// Goes back from all states; where one is left of them, everything up to there is decided.
void WordDecoder::settle() {
  std::vector<uint8_t> alive(static_cast<size_t>(states()), 1), before(alive.size());
  for (size_t w = undecided_.size(); w-- > 1;) {
    std::fill(before.begin(), before.end(), uint8_t{0});
    for (int s = 0; s < states(); ++s)
      if (alive[s]) before[undecided_[w].from[s]] = 1;
    alive.swap(before);
    if (std::count(alive.begin(), alive.end(), uint8_t{1}) > 1) continue;
    const auto state = static_cast<int>(std::find(alive.begin(), alive.end(), uint8_t{1}) - alive.begin());
    return decide(static_cast<int64_t>(w), state);
  }
  if (static_cast<int64_t>(undecided_.size()) < kMostUndecided) return;
  auto state = static_cast<int>(index_of_best(score_));
  const size_t half = undecided_.size() / 2;
  for (size_t w = undecided_.size() - 1; w >= half; --w) state = undecided_[w].from[state];
  decide(static_cast<int64_t>(half), state);
}

// The first `windows` undecided ones: their path ends in `state`.
void WordDecoder::decide(int64_t windows, int state) {
  std::vector<int> path(static_cast<size_t>(windows));
  for (size_t w = path.size(); w-- > 0;) {
    path[w] = state;
    state = undecided_[w].from[state];
  }
  for (size_t w = 0; w < path.size(); ++w) enter(path[w], undecided_[w].row);
  undecided_.erase(undecided_.begin(), undecided_.begin() + windows);
}

void WordDecoder::enter(int state, std::span<const float> row) {
  if (state != run_state_) {
    const double start = boundary(state, row);
    end_run(start);
    run_start_ = start;
    run_state_ = state;
    run_first_ = decided_;
    run_sum_ = 0;
    run_mean_.assign(static_cast<size_t>(labels_), 0);
  }
  ++decided_;
  last_row_.assign(row.begin(), row.end());
  if (state == absent()) return;
  run_sum_ += state == unknown() ? row[index_of_best(row)] : row[state];
  for (int v = 0; v < labels_; ++v) run_mean_[v] += row[v];
}

// Between the last decided window and the next one, which is of `state`.
double WordDecoder::boundary(int state, std::span<const float> row) const {
  const double half_way = static_cast<double>(decided_) - 0.5;
  if (run_state_ < 0 || run_state_ == absent() || state == absent()) return half_way;
  const float before = emission(last_row_, true, run_state_) - emission(last_row_, true, state),
              after = emission(row, true, run_state_) - emission(row, true, state);
  if (before <= after) return half_way;
  return static_cast<double>(decided_) - 1 + std::clamp(static_cast<double>(before / (before - after)), 0.1, 0.9);
}

void WordDecoder::end_run(double end) {
  const int64_t windows = decided_ - run_first_;
  const bool said = run_state_ >= 0 && run_state_ != absent() && run_state_ != background_;
  if (!said || windows < decoding_.fewest_windows) return;
  WordEvent event{run_state_ == unknown() ? kUnknown : run_state_, run_first_, decided_ - 1, run_start_, end, 0, {}};
  event.confidence = static_cast<float>(run_sum_ / static_cast<double>(windows));
  for (const double sum : run_mean_) event.mean.push_back(static_cast<float>(sum / static_cast<double>(windows)));
  events_.push_back(std::move(event));
}

void WordDecoder::finish() {
  if (!undecided_.empty()) decide(static_cast<int64_t>(undecided_.size()), static_cast<int>(index_of_best(score_)));
  end_run(static_cast<double>(decided_) - 0.5);
  run_state_ = -1;
}

std::vector<WordEvent> WordDecoder::take() { return std::exchange(events_, {}); }

}  // namespace avsr::models
