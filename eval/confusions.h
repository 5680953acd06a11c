// Which words a recogniser knows well, and which it takes for which others.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace avsr::eval {

// The clips of one word.
struct WordAccuracy {
  int word = 0;  // index of the label
  int64_t clips = 0, correct = 0;
  double accuracy() const { return static_cast<double>(correct) / static_cast<double>(clips); }
};

// So many clips of `said` were answered with the other word `heard`.
struct Confusion {
  int said = 0, heard = 0;
  int64_t clips = 0;
};

// said[i] and heard[i]: indices of the word in clip i and of the recogniser's answer. Both throw std::invalid_argument
// on lists of different lengths.
// The words that occur, the worst first; of equals the one with more clips, then the smaller index.
std::vector<WordAccuracy> word_accuracies(std::span<const int> said, std::span<const int> heard);
// The wrong answers, the most frequent first; of equals the smaller indices.
std::vector<Confusion> confusions(std::span<const int> said, std::span<const int> heard);

}  // namespace avsr::eval
