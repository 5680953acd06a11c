#include "models/word_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>

namespace avsr::models {
namespace {

constexpr float kSmallest = 1e-6f;  // floor of a probability before its logarithm

// States of the trellis: the labels, then unknown, then "no input".
struct Trellis {
  int labels;
  float log_unknown, switch_cost;
  int states() const { return labels + 2; }
  int unknown() const { return labels; }
  int absent() const { return labels + 1; }

  float emission(const float* row, bool has_input, int state) const {
    if (state == absent()) return has_input ? -std::numeric_limits<float>::infinity() : 0;
    if (!has_input) return -std::numeric_limits<float>::infinity();
    return state == unknown() ? log_unknown : std::log(std::max(row[state], kSmallest));
  }
};

bool any_positive(const float* row, int labels) {
  return std::any_of(row, row + labels, [](float p) { return p > 0; });
}

std::vector<int> best_path(const Trellis& trellis, const std::vector<float>& probabilities, int windows) {
  const int states = trellis.states();
  std::vector<float> score(states, 0), next(states);
  std::vector<int32_t> from(static_cast<size_t>(windows) * states);
  for (int w = 0; w < windows; ++w) {
    const float* row = probabilities.data() + static_cast<size_t>(w) * trellis.labels;
    const bool has_input = any_positive(row, trellis.labels);
    const int best = static_cast<int>(std::max_element(score.begin(), score.end()) - score.begin());
    for (int s = 0; s < states; ++s) {
      const bool stay = w == 0 || score[s] >= score[best] - trellis.switch_cost;
      from[static_cast<size_t>(w) * states + s] = stay ? s : best;
      next[s] = (stay ? score[s] : score[best] - trellis.switch_cost) + trellis.emission(row, has_input, s);
    }
    score.swap(next);
  }
  std::vector<int> path(windows);
  int state = static_cast<int>(std::max_element(score.begin(), score.end()) - score.begin());
  for (int w = windows - 1; w >= 0; --w) {
    path[w] = state;
    state = from[static_cast<size_t>(w) * states + state];
  }
  return path;
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

std::vector<WordEvent> decode_words(const std::vector<float>& probabilities, int labels, int background,
                                    const WordDecoding& decoding) {
  decoding.validate();
  if (labels < 1 || probabilities.size() % labels != 0 || background >= labels)
    throw std::invalid_argument(fmt::format("[decoding] {} probabilities for {} labels", probabilities.size(), labels));
  const int windows = static_cast<int>(probabilities.size() / labels);
  const Trellis trellis{labels, std::log(decoding.unknown_below), decoding.switch_cost};
  const std::vector<int> path = best_path(trellis, probabilities, windows);

  std::vector<WordEvent> events;
  for (int first = 0; first < windows;) {
    int last = first;
    while (last + 1 < windows && path[last + 1] == path[first]) ++last;
    const int state = path[first];
    if (state != trellis.absent() && state != background && last - first + 1 >= decoding.fewest_windows) {
      double sum = 0;
      for (int w = first; w <= last; ++w) {
        const float* row = probabilities.data() + static_cast<size_t>(w) * labels;
        sum += state == trellis.unknown() ? *std::max_element(row, row + labels) : row[state];
      }
      events.push_back(
          {state == trellis.unknown() ? kUnknown : state, first, last, static_cast<float>(sum / (last - first + 1))});
    }
    first = last + 1;
  }
  return events;
}

}  // namespace avsr::models
