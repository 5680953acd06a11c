#include "eval/significance.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <stdexcept>

#include "eval/scores.h"

namespace avsr::eval {
namespace {

// P(X = k) of the binomial (n, 1/2). long double, as the logarithms reach thousands and nearly cancel.
double binomial_half(int64_t n, int64_t k) {
  long double logarithm = -static_cast<long double>(n) * std::numbers::ln2_v<long double>;
  for (int64_t i = 1; i <= k; ++i)
    logarithm += std::log(static_cast<long double>(n - k + i) / static_cast<long double>(i));
  return static_cast<double>(std::exp(logarithm));
}

}  // namespace

McNemar mcnemar(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  check_length("McNemar", "answers of the second system", b.size(), a.size());
  McNemar result;
  for (size_t i = 0; i < a.size(); ++i) {
    result.only_a += a[i] && !b[i] ? 1 : 0;
    result.only_b += b[i] && !a[i] ? 1 : 0;
  }
  result.p = mcnemar_p(result.only_a, result.only_b);
  return result;
}

double mcnemar_p(int64_t only_a, int64_t only_b) {
  if (only_a < 0 || only_b < 0)
    throw std::invalid_argument(fmt::format("[McNemar] expected counts, got {} and {}", only_a, only_b));
  const int64_t n = only_a + only_b, fewer = std::min(only_a, only_b);
  // The largest term first; each further one is the last times k / (n - k + 1).
  double term = binomial_half(n, fewer), tail = 0;
  for (int64_t k = fewer; k >= 0 && term > 0; --k) {
    tail += term;
    term *= static_cast<double>(k) / static_cast<double>(n - k + 1);
  }
  return std::min(1.0, 2 * tail);
}

std::vector<double> holm(std::span<const double> p_values) {
  for (const double p : p_values)
    if (!(p >= 0 && p <= 1))
      throw std::invalid_argument(fmt::format("[Holm] expected probabilities from 0 to 1, got {}", p));
  std::vector<size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size());
  double least = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    least = std::clamp(static_cast<double>(order.size() - i) * p_values[order[i]], least, 1.0);
    adjusted[order[i]] = least;
  }
  return adjusted;
}

}  // namespace avsr::eval
