// Praat's TextGrid: tiers of labelled stretches of time, one above the other.
#pragma once

#include <string>
#include <vector>

#include "io/subtitles.h"

namespace avsr::io {

// What lies between its texts is an interval without text.
struct IntervalTier {
  std::string name;
  std::vector<TimedText> texts;  // in order of time, not overlapping: one_after_the_other()
};

// The long text format of Praat's manual ("TextGrid file formats"), in UTF-8. seconds: the length of the file, which
// all tiers fill; at least 1 ms, and never less than the end of the last text. Throws std::invalid_argument on texts
// that overlap.
std::string to_text_grid(const std::vector<IntervalTier>& tiers, double seconds);

}  // namespace avsr::io
