#include "decoding/alignment.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace avsr::decoding {
namespace {

constexpr const char* kWhere = "alignment";

// Places of a path: blank, first label, blank, …, blank.
class Viterbi {
 public:
  Viterbi(const LogProbabilities& clip, std::span<const int> labels, int blank)
      : clip_(clip), labels_(labels), blank_(blank), places_(2 * static_cast<int>(labels.size()) + 1) {}

  // Returns ln of the best path's probability.
  double forward() {
    const int steps = clip_.steps();
    moves_.assign(static_cast<size_t>(steps) * static_cast<size_t>(places_), 0);
    std::vector<double> score(static_cast<size_t>(places_), kLogZero), next(score);
    score[0] = 0;  // before the first step: at the first blank, from where one move reaches the first label
    for (int t = 0; t < steps; ++t) {
      for (int s = 0; s < places_; ++s) next[static_cast<size_t>(s)] = enter(t, s, score);
      score.swap(next);
    }
    end_ = places_ - 1;
    if (places_ >= 2 && score[static_cast<size_t>(end_ - 1)] > score[static_cast<size_t>(end_)]) --end_;
    return score[static_cast<size_t>(end_)];
  }

  // (T) places of the best path, after forward().
  std::vector<int> path() const {
    std::vector<int> path(static_cast<size_t>(clip_.steps()));
    int place = end_;
    for (int t = clip_.steps() - 1; t >= 0; --t) {
      path[static_cast<size_t>(t)] = place;
      place -= moves_[static_cast<size_t>(t) * static_cast<size_t>(places_) + static_cast<size_t>(place)];
    }
    return path;
  }

 private:
  int symbol(int place) const { return place % 2 == 0 ? blank_ : labels_[static_cast<size_t>(place / 2)]; }

  // The best way to be at place s at step t.
  double enter(int t, int s, const std::vector<double>& score) {
    const int farthest = s % 2 == 1 && s >= 3 && symbol(s) != symbol(s - 2) ? 2 : std::min(s, 1);
    int best = 0;
    for (int move = 1; move <= farthest; ++move)
      if (score[static_cast<size_t>(s - move)] > score[static_cast<size_t>(s - best)]) best = move;
    moves_[static_cast<size_t>(t) * static_cast<size_t>(places_) + static_cast<size_t>(s)] = static_cast<uint8_t>(best);
    return score[static_cast<size_t>(s - best)] + clip_.of(t)[static_cast<size_t>(symbol(s))];
  }

  const LogProbabilities& clip_;
  std::span<const int> labels_;
  int blank_, places_, end_ = 0;
  std::vector<uint8_t> moves_;  // (T, places) how many places further than at the step before
};

std::vector<SymbolSpan> spans_of(const LogProbabilities& clip, std::span<const int> labels,
                                 const std::vector<int>& path) {
  std::vector<SymbolSpan> spans;
  const int steps = static_cast<int>(path.size());
  for (int first = 0, last = 0; first < steps; first = last + 1) {
    const int place = path[static_cast<size_t>(first)];
    for (last = first; last + 1 < steps && path[static_cast<size_t>(last + 1)] == place;) ++last;
    if (place % 2 == 0) continue;
    const int label = labels[static_cast<size_t>(place / 2)];
    double sum = 0;
    for (int t = first; t <= last; ++t) sum += std::exp(clip.of(t)[static_cast<size_t>(label)]);
    spans.push_back({label, first, last, static_cast<float>(std::min(1.0, sum / (last - first + 1)))});
  }
  return spans;
}

}  // namespace

std::optional<Alignment> align(const LogProbabilities& clip, std::span<const int> labels, int blank) {
  check_log_probabilities(kWhere, clip, blank);
  check_labels(kWhere, labels, clip.symbols, blank);
  Viterbi viterbi(clip, labels, blank);
  const double log_probability = viterbi.forward();
  if (log_probability == kLogZero) return std::nullopt;
  return Alignment{spans_of(clip, labels, viterbi.path()), log_probability};
}

}  // namespace avsr::decoding
