// From predictions to numbers: accuracy with its interval, word error rate.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "eval/bootstrap.h"

namespace avsr::eval {

// Wilson's score interval of a proportion (Wilson 1927). total = 0 gives [0, 1]. z = 1.96 is 95 %.
Interval wilson_interval(int64_t correct, int64_t total, double z = 1.959964);

// Edits that turn the reference into the hypothesis, fewest in all (Levenshtein 1966).
struct WordErrors {
  int64_t substitutions = 0, deletions = 0, insertions = 0, reference_words = 0;
  int64_t errors() const { return substitutions + deletions + insertions; }
  double rate() const;  // errors / reference words; with no reference word: 0 without insertions, else 1
  WordErrors& operator+=(const WordErrors& other);
};
WordErrors word_errors(const std::vector<std::string>& reference, const std::vector<std::string>& hypothesis);
// The same of symbols by their numbers.
WordErrors symbol_errors(std::span<const int> reference, std::span<const int> hypothesis);

}  // namespace avsr::eval
