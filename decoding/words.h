// From symbols with steps to words with times.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "decoding/alignment.h"
#include "decoding/symbols.h"

namespace avsr::decoding {

struct TimedWord {
  std::string text;
  double start_seconds = 0, end_seconds = 0;
  float confidence = 0;  // mean of its symbols' confidences, 0 to 1
};

// How steps become seconds.
struct WordTiming {
  double seconds_per_step = 0.04;
  double offset_seconds = 0;  // where step 0 begins: of a clip that is cut out of a longer one
  // Added to starts and ends. A CTC network's spikes stand where the network is sure, which is late in a sound; by how
  // much is measured on validation clips.
  double start_shift_seconds = 0, end_shift_seconds = 0;
  void validate() const;  // throws std::invalid_argument naming the setting
};

// Words are what stands between separators (the symbol's number; none: each symbol is a word). A word begins where its
// first symbol's first step begins and ends where its last symbol's last step ends, both shifted, but neither before
// the clip nor behind its `steps`; what shifting makes overlap meets in the middle. In order of time; none has an end
// before its start. Throws std::invalid_argument on symbols that are none, and spans out of order or outside the steps.
std::vector<TimedWord> words_of(std::span<const SymbolSpan> spans, const Symbols& symbols, std::optional<int> separator,
                                int steps, const WordTiming& timing = {});

}  // namespace avsr::decoding
