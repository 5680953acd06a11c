// From a word model's probabilities over sliding windows to words with times.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace avsr::models {

// How windows become words. The numbers are chosen on validation sentences and kept in the model file.
struct WordDecoding {
  // A window in which no word reaches this probability speaks for "unknown".
  float unknown_below = 0.3f;
  // Cost, in nats, of going from one label to another between neighbouring windows: larger gives fewer, longer words.
  float switch_cost = 2;
  // A word seen in fewer windows is dropped.
  int fewest_windows = 2;
  void validate() const;  // throws std::invalid_argument naming the setting
};

struct WordEvent {
  int label = 0;              // index in the labels, or kUnknown
  int64_t first_window = 0;   // the windows whose middle lies in the word
  int64_t last_window = 0;    // inclusive
  double start = 0, end = 0;  // where it begins and ends, between windows: 2.5 is half-way from window 2 to window 3
  float confidence = 0;       // mean probability of the label in them; for kUnknown that of each window's best word
  std::vector<float> mean;    // (labels) mean probability of each label in them
};
constexpr int kUnknown = -1;

// The labels' sequence is the one with the highest sum of log probabilities (unknown counts as `unknown_below`) minus
// the switch costs: Viterbi's algorithm (Forney 1973). Where one label follows another, the boundary is where their
// probabilities cross on a straight line from window to window, so that it moves little when they do. Windows come one
// after the other, for as long as a recording lasts: what is common to all paths that can still become the best is
// decided, and forgotten (where they have nothing in common for kMostUndecided windows, the first half of the best one
// is). Memory: the undecided windows.
class WordDecoder {
 public:
  static constexpr int64_t kMostUndecided = 1024;

  // background: the label that stands for "no word", or -1; it is never returned. Throws std::invalid_argument.
  WordDecoder(int labels, int background, const WordDecoding& decoding);

  // Of the next window (labels): a distribution, or zeros where there is no input (silence before the sound starts, no
  // face), which ends words and is neither a word nor unknown. Throws std::invalid_argument on another length.
  void push(std::span<const float> row);
  void finish();  // no push afterwards
  // Events that are decided, in order of time, and were not taken before; they do not overlap.
  std::vector<WordEvent> take();

 private:
  struct Window {
    std::vector<float> row;
    std::vector<int32_t> from;  // the best state before, of each state
  };
  // States of the trellis: the labels, then these.
  int states() const { return labels_ + 2; }
  int unknown() const { return labels_; }
  int absent() const { return labels_ + 1; }

  float emission(std::span<const float> row, bool has_input, int state) const;
  void settle();
  void decide(int64_t windows, int state);
  void enter(int state, std::span<const float> row);
  double boundary(int state, std::span<const float> row) const;
  void end_run(double end);

  int labels_, background_;
  WordDecoding decoding_;
  std::vector<float> score_;       // of the best path to each state, against the best of all
  std::vector<Window> undecided_;  // the first is window number decided_
  int64_t decided_ = 0;
  // The run of windows of one state at the end of what is decided.
  int run_state_ = -1;
  int64_t run_first_ = 0;
  double run_start_ = 0;
  std::vector<float> last_row_;
  double run_sum_ = 0;
  std::vector<double> run_mean_;
  std::vector<WordEvent> events_;
};

}  // namespace avsr::models
