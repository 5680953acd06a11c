#include "decoding/alignment.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace avsr::decoding {
namespace {

constexpr const char* kWhere = "alignment";

// Places of a path: blank, first label, blank, …, blank. The best way to each place is kept for a block of steps alone,
// and made again, block by block from the last, from the scores before each.
class Viterbi {
 public:
  Viterbi(const LogProbabilities& clip, std::span<const int> labels, int blank)
      : clip_(clip),
        labels_(labels),
        blank_(blank),
        places_(2 * labels.size() + 1),
        block_(std::max(1, static_cast<int>(std::sqrt(clip.steps())))) {}

  // Returns ln of the best path's probability.
  double forward() {
    std::vector<double> score(places_, kLogZero);
    score[0] = 0;  // before the first step: at the first blank, from where one move reaches the first label
    for (int first = 0; first < clip_.steps(); first += block_) {
      before_.push_back(score);
      run_block(first, score);
    }
    end_ = places_ - 1;
    if (places_ >= 2 && score[end_ - 1] > score[end_]) --end_;
    return score[end_];
  }

  // (T) places of the best path, after forward().
  std::vector<size_t> path() {
    std::vector<size_t> path(static_cast<size_t>(clip_.steps()));
    size_t place = end_;
    for (int block = static_cast<int>(before_.size()) - 1; block >= 0; --block) {
      const int first = block * block_;
      run_block(first, before_[static_cast<size_t>(block)]);
      for (int t = std::min(first + block_, clip_.steps()) - 1; t >= first; --t) {
        path[static_cast<size_t>(t)] = place;
        place -= moves_[static_cast<size_t>(t - first) * places_ + place];
      }
    }
    return path;
  }

 private:
  int symbol(size_t place) const { return place % 2 == 0 ? blank_ : labels_[place / 2]; }

  // Takes the scores from before step `first` to behind the block's last one.
  void run_block(int first, std::vector<double>& score) {
    moves_.assign(static_cast<size_t>(block_) * places_, 0);
    std::vector<double> next(places_);
    for (int t = first; t < std::min(first + block_, clip_.steps()); ++t) {
      const auto row = clip_.of(t);
      uint8_t* moves = moves_.data() + static_cast<size_t>(t - first) * places_;
      for (size_t s = 0; s < places_; ++s) {
        moves[s] = best_move(s, score);
        next[s] = score[s - moves[s]] + row[static_cast<size_t>(symbol(s))];
      }
      score.swap(next);
    }
  }

  // How many places the best way to place s comes from before it.
  uint8_t best_move(size_t s, const std::vector<double>& score) const {
    const size_t farthest = s % 2 == 1 && s >= 3 && symbol(s) != symbol(s - 2) ? 2 : std::min<size_t>(s, 1);
    size_t best = 0;
    for (size_t move = 1; move <= farthest; ++move)
      if (score[s - move] > score[s - best]) best = move;
    return static_cast<uint8_t>(best);
  }

  const LogProbabilities& clip_;
  std::span<const int> labels_;
  int blank_;
  size_t places_;
  int block_;  // steps
  size_t end_ = 0;
  std::vector<std::vector<double>> before_;  // (blocks, places) the scores before each block
  std::vector<uint8_t> moves_;               // (block, places)
};

std::vector<SymbolSpan> spans_of(const LogProbabilities& clip, std::span<const int> labels,
                                 const std::vector<size_t>& path) {
  std::vector<SymbolSpan> spans;
  const int steps = static_cast<int>(path.size());
  for (int first = 0, last = 0; first < steps; first = last + 1) {
    const size_t place = path[static_cast<size_t>(first)];
    for (last = first; last + 1 < steps && path[static_cast<size_t>(last + 1)] == place;) ++last;
    if (place % 2 == 0) continue;
    const int label = labels[place / 2];
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
