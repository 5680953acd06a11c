#include "decoding/ctc.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "decoding/log_probabilities.h"

namespace avsr::decoding {
namespace {

constexpr const char* kWhere = "CTC loss";
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double log_add(double a, double b, double c) {
  const double largest = std::max({a, b, c});
  if (largest == kLogZero) return kLogZero;
  return largest + std::log(std::exp(a - largest) + std::exp(b - largest) + std::exp(c - largest));
}

// The places that a path goes through: blank, first label, blank, …, last label, blank. From a place it stays, goes to
// the next, or over a blank between two different labels to the next label.
class Lattice {
 public:
  Lattice(std::span<const int> labels, std::span<const StepWindow> windows, int blank)
      : labels_(labels), windows_(windows), blank_(blank) {}

  int places() const { return 2 * static_cast<int>(labels_.size()) + 1; }
  int symbol(int place) const { return place % 2 == 0 ? blank_ : labels_[static_cast<size_t>(place / 2)]; }
  // Whether a path may be at the place in this step.
  bool open(int step, int place) const {
    if (windows_.empty() || place % 2 == 0) return true;
    const StepWindow& window = windows_[static_cast<size_t>(place / 2)];
    return step >= window.first && step <= window.last;
  }
  // Whether a path may go from place - 2 to place.
  bool leaps(int place) const { return place % 2 == 1 && place >= 3 && symbol(place) != symbol(place - 2); }

 private:
  std::span<const int> labels_;
  std::span<const StepWindow> windows_;  // of the labels; empty: all steps
  int blank_;
};

// One clip. Names as in the paper: y are the probabilities, alpha and beta the forward and backward variables; beta(t)
// leaves step t itself out.
class ForwardBackward {
 public:
  ForwardBackward(std::span<const double> log_y, int symbols, const Lattice& lattice)
      : log_y_(log_y), symbols_(symbols), lattice_(lattice), steps_(static_cast<int>(log_y.size()) / symbols) {}

  double log_probability() {
    const int places = lattice_.places();
    if (steps_ == 0) return places == 1 ? 0 : kLogZero;
    alpha_.assign(static_cast<size_t>(steps_) * static_cast<size_t>(places), kLogZero);
    for (int s = 0; s < std::min(places, 2); ++s) alpha(0, s) = log_y(0, s);
    for (int t = 1; t < steps_; ++t)
      for (int s = first_place(t); s < end_place(t); ++s)
        alpha(t, s) = log_y(t, s) + log_add(alpha(t - 1, s), s >= 1 ? alpha(t - 1, s - 1) : kLogZero,
                                            lattice_.leaps(s) ? alpha(t - 1, s - 2) : kLogZero);
    const int last = steps_ - 1;
    return decoding::log_add(alpha(last, places - 1), places >= 2 ? alpha(last, places - 2) : kLogZero);
  }

  // After log_probability(), which gave a finite one.
  void gradient(std::span<float> dlogits) {
    const int places = lattice_.places();
    std::vector<double> beta(static_cast<size_t>(places), kLogZero), later;
    std::vector<double> share(static_cast<size_t>(symbols_));  // of the paths, that read each symbol at this step
    for (int t = steps_ - 1; t >= 0; --t) {
      if (t == steps_ - 1) {
        for (int s = std::max(0, places - 2); s < places; ++s) beta[static_cast<size_t>(s)] = 0;
      } else {
        backward_step(t, later, beta);
      }
      find_shares(t, beta, share);
      const size_t row = static_cast<size_t>(t) * static_cast<size_t>(symbols_);
      for (size_t v = 0; v < share.size(); ++v)
        dlogits[row + v] = static_cast<float>(std::exp(log_y_[row + v]) - share[v]);
      later = beta;
    }
  }

 private:
  // Places that a path can be at: from the start, and still reach the end.
  int first_place(int t) const { return std::max(0, lattice_.places() - 2 * (steps_ - t)); }
  int end_place(int t) const { return std::min(lattice_.places(), 2 * (t + 1)); }

  double log_y(int t, int place) const {
    if (!lattice_.open(t, place)) return kLogZero;
    return log_y_[static_cast<size_t>(t) * static_cast<size_t>(symbols_) + static_cast<size_t>(lattice_.symbol(place))];
  }
  double& alpha(int t, int place) {
    return alpha_[static_cast<size_t>(t) * static_cast<size_t>(lattice_.places()) + static_cast<size_t>(place)];
  }

  // beta of step t from that of step t + 1.
  void backward_step(int t, const std::vector<double>& later, std::vector<double>& beta) const {
    const int places = lattice_.places();
    const auto onward = [&](int s) { return later[static_cast<size_t>(s)] + log_y(t + 1, s); };
    for (int s = 0; s < places; ++s)
      beta[static_cast<size_t>(s)] = log_add(onward(s), s + 1 < places ? onward(s + 1) : kLogZero,
                                             s + 2 < places && lattice_.leaps(s + 2) ? onward(s + 2) : kLogZero);
  }

  // The shares of a step sum to 1. They are divided by their own sum rather than by the probability of the labels,
  // which is the same but for rounding: of logits like 1e20 nothing else would keep them finite.
  void find_shares(int t, const std::vector<double>& beta, std::vector<double>& share) {
    const auto log_share = [&](int s) { return alpha(t, s) + beta[static_cast<size_t>(s)]; };
    double largest = kLogZero, sum = 0;
    for (int s = first_place(t); s < end_place(t); ++s) largest = std::max(largest, log_share(s));
    std::fill(share.begin(), share.end(), 0.0);
    for (int s = first_place(t); s < end_place(t); ++s) {
      const double own = std::exp(log_share(s) - largest);
      share[static_cast<size_t>(lattice_.symbol(s))] += own;
      sum += own;
    }
    for (double& own : share) own /= sum;
  }

  std::span<const double> log_y_;  // (T, V)
  int symbols_;
  const Lattice& lattice_;
  int steps_;
  std::vector<double> alpha_;  // (T, places)
};

double loss_of_clip(std::span<const float> logits, int symbols, std::span<const int> labels,
                    std::span<const StepWindow> windows, int blank, std::span<float> dlogits) {
  const LogProbabilities rows{logits, symbols};
  std::vector<double> log_y(logits.size());
  const auto width = static_cast<size_t>(symbols);
  for (int t = 0; t < rows.steps(); ++t)
    if (!log_softmax(rows.of(t), std::span(log_y).subspan(static_cast<size_t>(t) * width, width))) {
      std::fill(dlogits.begin(), dlogits.end(), std::numeric_limits<float>::quiet_NaN());
      return kNan;
    }
  const Lattice lattice(labels, windows, blank);
  ForwardBackward passes(log_y, symbols, lattice);
  const double log_probability = passes.log_probability();
  if (dlogits.empty()) return -log_probability;
  if (log_probability == kLogZero)
    std::fill(dlogits.begin(), dlogits.end(), 0.0f);
  else
    passes.gradient(dlogits);
  return -log_probability;
}

void require(bool fits, const char* what, size_t expected, size_t found) {
  if (!fits) throw std::invalid_argument(fmt::format("[{}] expected {} {}, got {}", kWhere, expected, what, found));
}

void check_symbols(int symbols, int blank) {
  if (symbols < 2 || blank < 0 || blank >= symbols)
    throw std::invalid_argument(
        fmt::format("[{}] expected a blank among at least two symbols, got blank {} of {}", kWhere, blank, symbols));
}

}  // namespace

std::vector<double> ctc_loss(const CtcBatch& batch, std::span<float> dlogits) {
  check_symbols(batch.symbols, batch.blank);
  const size_t clips = batch.lengths.size();
  if (batch.steps < 0) throw std::invalid_argument(fmt::format("[{}] {} steps", kWhere, batch.steps));
  const size_t size = static_cast<size_t>(batch.steps) * static_cast<size_t>(batch.symbols);  // of a padded clip
  require(batch.labels.size() == clips, "label sequences, one for each length", clips, batch.labels.size());
  require(batch.windows.empty() || batch.windows.size() == clips, "lists of windows", clips, batch.windows.size());
  require(batch.logits.size() == clips * size, "logits (B, T, V)", clips * size, batch.logits.size());
  require(dlogits.empty() || dlogits.size() == clips * size, "gradients (B, T, V)", clips * size, dlogits.size());
  for (size_t i = 0; i < clips; ++i) {
    if (batch.lengths[i] < 0 || batch.lengths[i] > batch.steps)
      throw std::invalid_argument(fmt::format("[{}] expected lengths from 0 to {}, got {} for clip {}", kWhere,
                                              batch.steps, batch.lengths[i], i));
    check_labels(kWhere, batch.labels[i], batch.symbols, batch.blank);
    if (!batch.windows.empty() && !batch.windows[i].empty())
      require(batch.windows[i].size() == batch.labels[i].size(), "windows, one for each label", batch.labels[i].size(),
              batch.windows[i].size());
  }
  std::vector<double> losses;
  for (size_t i = 0; i < clips; ++i) {
    const size_t valid = static_cast<size_t>(batch.lengths[i]) * static_cast<size_t>(batch.symbols);
    const auto own = dlogits.empty() ? dlogits : dlogits.subspan(i * size, size);
    if (!own.empty()) std::fill(own.begin() + static_cast<std::ptrdiff_t>(valid), own.end(), 0.0f);
    losses.push_back(loss_of_clip(batch.logits.subspan(i * size, valid), batch.symbols, batch.labels[i],
                                  batch.windows.empty() ? std::span<const StepWindow>() : batch.windows[i], batch.blank,
                                  own.empty() ? own : own.first(valid)));
  }
  return losses;
}

double ctc_loss(std::span<const float> logits, int symbols, std::span<const int> labels, int blank,
                std::span<float> dlogits) {
  check_symbols(symbols, blank);
  const auto width = static_cast<size_t>(symbols);
  require(logits.size() % width == 0, "logits, or a multiple", width, logits.size());
  require(dlogits.empty() || dlogits.size() == logits.size(), "gradients (T, V)", logits.size(), dlogits.size());
  check_labels(kWhere, labels, symbols, blank);
  return loss_of_clip(logits, symbols, labels, {}, blank, dlogits);
}

}  // namespace avsr::decoding
