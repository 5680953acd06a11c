#include "io/text_grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>

namespace avsr::io {

namespace {

// Inside quotes a quote is written twice.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + "\"";
}

std::string seconds_text(int64_t ms) { return fmt::format("{}.{:03}", ms / 1000, ms % 1000); }

// The texts with the gaps between them: no moment in [0, end_ms) is left out.
std::vector<TimedText> filled(const IntervalTier& tier, int64_t end_ms) {
  std::vector<TimedText> all;
  int64_t at = 0;
  for (const TimedText& text : tier.texts) {
    if (text.start_ms < at || text.end_ms <= text.start_ms)
      throw std::invalid_argument(
          fmt::format("[text grid] tier {}: expected texts one after the other, got {}-{} ms "
                      "behind {} ms",
                      tier.name, text.start_ms, text.end_ms, at));
    if (text.start_ms > at) all.push_back({"", at, text.start_ms});
    all.push_back(text);
    at = text.end_ms;
  }
  if (at < end_ms) all.push_back({"", at, end_ms});
  return all;
}

std::string tier_text(const IntervalTier& tier, size_t number, int64_t end_ms) {
  const std::vector<TimedText> intervals = filled(tier, end_ms);
  std::string text = fmt::format(
      "    item [{}]:\n        class = \"IntervalTier\"\n        name = {}\n        xmin = 0\n        xmax = {}\n"
      "        intervals: size = {}\n",
      number, quoted(tier.name), seconds_text(end_ms), intervals.size());
  for (size_t i = 0; i < intervals.size(); ++i)
    text += fmt::format(
        "        intervals [{}]:\n            xmin = {}\n            xmax = {}\n            text = {}\n", i + 1,
        seconds_text(intervals[i].start_ms), seconds_text(intervals[i].end_ms), quoted(intervals[i].text));
  return text;
}

}  // namespace

std::string to_text_grid(const std::vector<IntervalTier>& tiers, double seconds) {
  int64_t end_ms = std::max<int64_t>(1, std::llround(seconds * 1000));
  for (const IntervalTier& tier : tiers)
    if (!tier.texts.empty()) end_ms = std::max(end_ms, tier.texts.back().end_ms);
  std::string text = fmt::format(
      "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\nxmin = 0\nxmax = {}\ntiers? <exists>\nsize = {}\n"
      "item []:\n",
      seconds_text(end_ms), tiers.size());
  for (size_t i = 0; i < tiers.size(); ++i) text += tier_text(tiers[i], i + 1, end_ms);
  return text;
}

}  // namespace avsr::io
