// What a classifier gives for each clip and label, and how often it is right.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace avsr::eval {

// (N, V), row-major: for each of N clips a number for each of V labels, larger for the likelier label: probabilities,
// their logarithms or logits. A view: whoever makes it keeps the values.
struct Scores {
  std::span<const float> values;
  int labels = 0;
  int64_t clips() const { return static_cast<int64_t>(values.size()) / labels; }
  std::span<const float> of(int64_t clip) const {
    return values.subspan(static_cast<size_t>(clip * labels), static_cast<size_t>(labels));
  }
};

// Each throws std::invalid_argument that begins with [where].
// labels < 1, no whole number of clips, or a value that is not finite.
void check_scores(std::string_view where, const Scores& scores);
// Besides, a value below 0 or above 1 (by more than rounding).
void check_probabilities(std::string_view where, const Scores& probabilities);
// An index outside 0 .. labels - 1.
void check_labels(std::string_view where, std::span<const int> indices, int labels);
// N numbers of what are expected.
void check_length(std::string_view where, std::string_view what, size_t found, size_t expected);

// The logarithm that fusion and calibration take of a probability. 0 counts as 1.2e-38, the smallest normal float, so
// that one stream alone rules no word out.
double log_probability(float probability);

// The label with the largest score, of equals the smaller index.
int best_label(std::span<const float> scores);
// (N) the best label of each clip.
std::vector<int> answers_of(const Scores& scores);

// words (N): index of the label of each clip. Shares of clips, 0 to 1. Both throw std::invalid_argument without clips,
// on different lengths and on labels out of range.
double accuracy(std::span<const int> words, std::span<const int> answers);
// The share of clips whose word is among the k labels of the largest scores. Of equal scores the smaller index counts
// first, so that top 1 is the accuracy of answers_of. k >= 1; from V on all clips count.
double top_k_accuracy(const Scores& scores, std::span<const int> words, int k);

}  // namespace avsr::eval
