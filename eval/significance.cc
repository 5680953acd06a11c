#include "eval/significance.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
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

// P(|sum of +-sizes| >= observed), each sign by a fair coin: the distribution over -total .. total, size by size.
double signs_p(const std::vector<int64_t>& sizes, int64_t total, int64_t observed) {
  const auto width = static_cast<size_t>(2 * total + 1);
  std::vector<double> now(width), next(width);
  now[static_cast<size_t>(total)] = 1;
  int64_t reach = 0;
  for (const int64_t size : sizes) {
    std::fill(next.begin(), next.end(), 0.0);
    for (int64_t sum = -reach; sum <= reach; ++sum) {
      const double half = now[static_cast<size_t>(total + sum)] / 2;
      next[static_cast<size_t>(total + sum + size)] += half;
      next[static_cast<size_t>(total + sum - size)] += half;
    }
    std::swap(now, next);
    reach += size;
  }
  double tail = 0;
  for (int64_t sum = observed; sum <= total; ++sum) tail += now[static_cast<size_t>(total + sum)];
  return std::min(1.0, observed > 0 ? 2 * tail : 1.0);
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

double matched_pairs_p(std::span<const int64_t> a, std::span<const int64_t> b) {
  check_length("matched pairs", "sentences of the second system", b.size(), a.size());
  std::vector<int64_t> sizes;
  int64_t difference = 0, total = 0;
  double squares = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    sizes.push_back(std::abs(a[i] - b[i]));
    difference += a[i] - b[i];
    total += sizes.back();
    squares += static_cast<double>(sizes.back()) * static_cast<double>(sizes.back());
  }
  if (sizes.empty()) return 1;
  constexpr int64_t kMostWork = 100'000'000;
  if (total > kMostWork / static_cast<int64_t>(sizes.size()))
    return std::erfc(std::abs(static_cast<double>(difference)) / std::sqrt(2 * squares));
  return signs_p(sizes, total, std::abs(difference));
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
