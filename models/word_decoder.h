// From a word model's probabilities over sliding windows to words with times.
#pragma once

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
  int label = 0;         // index in the labels, or kUnknown
  int first_window = 0;  // the windows whose middle lies in the word
  int last_window = 0;   // inclusive
  float confidence = 0;  // mean probability of the label in them; for kUnknown the mean probability of the best word
};
constexpr int kUnknown = -1;

// probabilities: `windows` rows of `labels` values, each row a distribution. A row of zeros is a window with no input
// (silence before the sound starts, no face): it ends words and is neither a word nor unknown. `background`: the label
// that stands for "no word", or -1; it is never returned.
//
// The labels' sequence is the one with the highest sum of log probabilities (unknown counts as `unknown_below`) minus
// the switch costs: Viterbi's algorithm (Forney 1973). Events come in order of time and do not overlap.
std::vector<WordEvent> decode_words(const std::vector<float>& probabilities, int labels, int background,
                                    const WordDecoding& decoding);

}  // namespace avsr::models
