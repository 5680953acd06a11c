#include "eval/bootstrap.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <stdexcept>
#include <vector>

#include "eval/scores.h"

namespace avsr::eval {
namespace {

constexpr const char* kWhere = "bootstrap";

struct Group {
  double sum = 0, weight = 0;
};

// In the order in which they first occur.
std::vector<Group> groups_of(std::span<const double> values, std::span<const double> weights,
                             std::span<const int> numbers) {
  std::vector<Group> groups;
  std::map<int, size_t> places;
  for (size_t i = 0; i < values.size(); ++i) {
    const auto [place, is_new] = places.try_emplace(numbers[i], groups.size());
    if (is_new) groups.push_back({});
    groups[place->second].sum += values[i];
    groups[place->second].weight += weights[i];
  }
  return groups;
}

double ratio_of_drawn(const std::vector<Group>& groups, std::mt19937_64& random) {
  Group drawn;
  do {
    drawn = {};
    for (size_t i = 0; i < groups.size(); ++i) {
      const Group& group = groups[random() % groups.size()];
      drawn.sum += group.sum;
      drawn.weight += group.weight;
    }
  } while (drawn.weight == 0);
  return drawn.sum / drawn.weight;
}

void check_weights(std::span<const double> weights) {
  for (const double weight : weights)
    if (!(weight >= 0) || !std::isfinite(weight))
      throw std::invalid_argument(fmt::format("[{}] expected weights from 0 on, got {}", kWhere, weight));
  if (!weights.empty() && std::none_of(weights.begin(), weights.end(), [](double weight) { return weight > 0; }))
    throw std::invalid_argument(fmt::format("[{}] expected a weight above 0, got {} of 0", kWhere, weights.size()));
}

}  // namespace

std::optional<Interval> bootstrap_mean(std::span<const double> values, std::span<const int> groups, int rounds,
                                       uint64_t seed) {
  return bootstrap_ratio(values, std::vector<double>(values.size(), 1.0), groups, rounds, seed);
}

std::optional<Interval> bootstrap_ratio(std::span<const double> values, std::span<const double> weights,
                                        std::span<const int> groups, int rounds, uint64_t seed) {
  check_length(kWhere, "groups", groups.size(), values.size());
  check_length(kWhere, "weights", weights.size(), values.size());
  if (rounds < 1) throw std::invalid_argument(fmt::format("[{}] expected at least one round, got {}", kWhere, rounds));
  for (const double value : values)
    if (!std::isfinite(value))
      throw std::invalid_argument(fmt::format("[{}] expected finite values, got {}", kWhere, value));
  check_weights(weights);
  const std::vector<Group> drawn_from = groups_of(values, weights, groups);
  if (drawn_from.size() < 2) return std::nullopt;
  std::mt19937_64 random(seed);
  std::vector<double> ratios(static_cast<size_t>(rounds));
  for (double& ratio : ratios) ratio = ratio_of_drawn(drawn_from, random);
  std::sort(ratios.begin(), ratios.end());
  const auto percentile = [&](double share) {
    return ratios[static_cast<size_t>(std::lround(share * static_cast<double>(ratios.size() - 1)))];
  };
  return Interval{percentile(0.025), percentile(0.975)};
}

std::optional<Interval> bootstrap_difference(std::span<const double> a, std::span<const double> b,
                                             std::span<const int> groups, int rounds, uint64_t seed) {
  check_length(kWhere, "values of the second system", b.size(), a.size());
  std::vector<double> differences(a.begin(), a.end());
  for (size_t i = 0; i < b.size(); ++i) differences[i] -= b[i];
  return bootstrap_mean(differences, groups, rounds, seed);
}

}  // namespace avsr::eval
