#include "decoding/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace avsr::decoding {
namespace {

void check_spans(std::span<const SymbolSpan> spans, const Symbols& symbols, int steps) {
  int free_from = 0;
  for (const SymbolSpan& span : spans) {
    if (span.symbol <= Symbols::blank() || span.symbol >= symbols.size())
      throw std::invalid_argument(
          fmt::format("[words] expected symbols from 1 to {}, got {}", symbols.size() - 1, span.symbol));
    if (span.first_step < free_from || span.last_step < span.first_step || span.last_step >= steps)
      throw std::invalid_argument(fmt::format("[words] expected spans one after the other in {} steps, got {} to {}",
                                              steps, span.first_step, span.last_step));
    free_from = span.last_step + 1;
  }
}

// symbols: of one word, at least one.
TimedWord word_of(std::span<const SymbolSpan> spans, const Symbols& symbols, int steps, const WordTiming& timing) {
  TimedWord word;
  double confidence = 0;
  for (const SymbolSpan& span : spans) {
    word.text += symbols.name(span.symbol);
    confidence += span.confidence;
  }
  word.confidence = static_cast<float>(confidence / static_cast<double>(spans.size()));
  const double last = steps * timing.seconds_per_step;
  double start = std::clamp(spans.front().first_step * timing.seconds_per_step + timing.start_shift_seconds, 0.0, last);
  double end = std::clamp((spans.back().last_step + 1) * timing.seconds_per_step + timing.end_shift_seconds, 0.0, last);
  if (end < start) start = end = (start + end) / 2;
  word.start_seconds = timing.offset_seconds + start;
  word.end_seconds = timing.offset_seconds + end;
  return word;
}

void part_overlaps(std::vector<TimedWord>& words) {
  for (size_t i = 1; i < words.size(); ++i) {
    TimedWord &before = words[i - 1], &after = words[i];
    if (after.start_seconds >= before.end_seconds) continue;
    const double middle = (after.start_seconds + before.end_seconds) / 2;
    before.end_seconds = std::max(before.start_seconds, middle);
    after.start_seconds = before.end_seconds;
    after.end_seconds = std::max(after.end_seconds, after.start_seconds);
  }
}

}  // namespace

void WordTiming::validate() const {
  if (!(seconds_per_step > 0) || !std::isfinite(seconds_per_step))
    throw std::invalid_argument(fmt::format("[words] seconds_per_step must be above 0, got {}", seconds_per_step));
  for (const double seconds : {offset_seconds, start_shift_seconds, end_shift_seconds})
    if (!std::isfinite(seconds))
      throw std::invalid_argument(fmt::format("[words] offset and shifts must be finite, got {}", seconds));
}

std::vector<TimedWord> words_of(std::span<const SymbolSpan> spans, const Symbols& symbols, std::optional<int> separator,
                                int steps, const WordTiming& timing) {
  timing.validate();
  check_spans(spans, symbols, steps);
  std::vector<TimedWord> words;
  for (size_t first = 0; first < spans.size();) {
    if (spans[first].symbol == separator) {
      ++first;
      continue;
    }
    size_t end = first + 1;
    while (separator && end < spans.size() && spans[end].symbol != *separator) ++end;
    words.push_back(word_of(spans.subspan(first, end - first), symbols, steps, timing));
    first = end;
  }
  part_overlaps(words);
  return words;
}

}  // namespace avsr::decoding
