// When each symbol of a known text was said.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "decoding/log_probabilities.h"

namespace avsr::decoding {

// A symbol and the steps at which a path reads it. CTC networks are spiky: often a single step, late in the sound.
struct SymbolSpan {
  int symbol = 0;
  int first_step = 0, last_step = 0;  // both inclusive
  float confidence = 0;               // mean probability of the symbol at these steps, 0 to 1
};

struct Alignment {
  std::vector<SymbolSpan> symbols;  // one for each label, in order of time, without overlap
  double log_probability = 0;       // ln of this one path's probability
};

// The most probable path over all steps that reads as the labels (Viterbi's algorithm over the places of CTC, blanks
// between them). Of equally probable ones always the same. None where there is no path: the clip has fewer steps than
// labels plus neighbours that are equal, or the labels a probability of 0. Takes time in proportion to T L, and some
// 18 sqrt(T) L bytes: an hour and its 50,000 letters about a minute and 300 MB.
// Throws std::invalid_argument on what check_log_probabilities and check_labels refuse.
std::optional<Alignment> align(const LogProbabilities& clip, std::span<const int> labels, int blank = 0);

}  // namespace avsr::decoding
