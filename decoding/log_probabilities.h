// What a CTC network says of one clip, and arithmetic with logarithms of probabilities.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace avsr::decoding {

constexpr double kLogZero = -std::numeric_limits<double>::infinity();

// (T, V), row-major: for each of T steps the natural logarithm of the probability of each of V symbols, one of which is
// the blank. Minus infinity is a probability of 0. A view: whoever makes it keeps the values.
struct LogProbabilities {
  std::span<const float> values;
  int symbols = 0;
  int steps() const { return static_cast<int>(values.size() / static_cast<size_t>(symbols)); }
  std::span<const float> of(int step) const {
    return values.subspan(static_cast<size_t>(step) * static_cast<size_t>(symbols), static_cast<size_t>(symbols));
  }
};

// Both throw std::invalid_argument that begins with [where]. The first: fewer than two symbols, a blank that is none of
// them, no whole number of steps, NaN, a value above 0 (by more than rounding) or a step without a finite value.
void check_log_probabilities(std::string_view where, const LogProbabilities& clip, int blank);
// A label that is no symbol, or is the blank.
void check_labels(std::string_view where, std::span<const int> labels, int symbols, int blank);

// log(exp(a) + exp(b)), for a and b from minus infinity on.
double log_add(double a, double b);

// log softmax of one step's logits (V) into result (V). False, and result is of no use, where the logits give no
// distribution: NaN, plus infinity, or minus infinity alone.
bool log_softmax(std::span<const float> logits, std::span<double> result);

// The same for all steps of a clip, (T, V) both. Throws std::invalid_argument on logits that give no distribution.
std::vector<float> log_softmax(std::span<const float> logits, int symbols);

}  // namespace avsr::decoding
