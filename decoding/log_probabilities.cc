#include "decoding/log_probabilities.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace avsr::decoding {
namespace {

constexpr float kRounding = 1e-3f;

void check_shape(std::string_view where, size_t values, int symbols) {
  if (symbols < 2)
    throw std::invalid_argument(fmt::format("[{}] expected a blank and at least one symbol, got {}", where, symbols));
  if (values % static_cast<size_t>(symbols) != 0)
    throw std::invalid_argument(
        fmt::format("[{}] expected steps of {} symbols, got {} values", where, symbols, values));
}

}  // namespace

void check_log_probabilities(std::string_view where, const LogProbabilities& clip, int blank) {
  check_shape(where, clip.values.size(), clip.symbols);
  if (blank < 0 || blank >= clip.symbols)
    throw std::invalid_argument(
        fmt::format("[{}] expected a blank from 0 to {}, got {}", where, clip.symbols - 1, blank));
  for (int t = 0; t < clip.steps(); ++t) {
    const auto row = clip.of(t);
    const auto odd = std::find_if_not(row.begin(), row.end(), [](float v) { return v <= kRounding; });
    if (odd != row.end())
      throw std::invalid_argument(fmt::format(
          "[{}] expected logarithms of probabilities (log softmax of the logits), got {} at step {}", where, *odd, t));
    if (std::none_of(row.begin(), row.end(), [](float v) { return std::isfinite(v); }))
      throw std::invalid_argument(fmt::format("[{}] at step {} no symbol has a probability above 0", where, t));
  }
}

void check_labels(std::string_view where, std::span<const int> labels, int symbols, int blank) {
  for (size_t i = 0; i < labels.size(); ++i)
    if (labels[i] < 0 || labels[i] >= symbols || labels[i] == blank)
      throw std::invalid_argument(fmt::format("[{}] expected labels from 0 to {} without the blank, {}, got {} at {}",
                                              where, symbols - 1, blank, labels[i], i));
}

double log_add(double a, double b) {
  const double larger = std::max(a, b);
  if (larger == kLogZero) return kLogZero;
  return larger + std::log1p(std::exp(std::min(a, b) - larger));
}

bool log_softmax(std::span<const float> logits, std::span<double> result) {
  double largest = kLogZero;
  for (const float logit : logits) {
    if (std::isnan(logit)) return false;
    largest = std::max<double>(largest, logit);
  }
  if (!std::isfinite(largest)) return false;
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  const double shift = largest + std::log(sum);
  std::transform(logits.begin(), logits.end(), result.begin(), [&](float logit) { return logit - shift; });
  return true;
}

std::vector<float> log_softmax(std::span<const float> logits, int symbols) {
  constexpr std::string_view kWhere = "log softmax";
  check_shape(kWhere, logits.size(), symbols);
  const LogProbabilities rows{logits, symbols};
  std::vector<float> result;
  result.reserve(logits.size());
  std::vector<double> row(static_cast<size_t>(symbols));
  for (int t = 0; t < rows.steps(); ++t) {
    if (!log_softmax(rows.of(t), row))
      throw std::invalid_argument(fmt::format("[{}] expected finite logits, got others at step {}", kWhere, t));
    for (const double value : row) result.push_back(static_cast<float>(value));
  }
  return result;
}

}  // namespace avsr::decoding
