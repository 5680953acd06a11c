#include "eval/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

namespace avsr::eval {

Interval wilson_interval(int64_t correct, int64_t total, double z) {
  if (total <= 0) return {0, 1};
  const double n = static_cast<double>(total), p = static_cast<double>(correct) / n;
  const double denominator = 1 + z * z / n;
  const double centre = (p + z * z / (2 * n)) / denominator;
  const double half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / denominator;
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

double WordErrors::rate() const {
  if (reference_words == 0) return insertions > 0 ? 1 : 0;
  return static_cast<double>(errors()) / static_cast<double>(reference_words);
}

WordErrors& WordErrors::operator+=(const WordErrors& other) {
  substitutions += other.substitutions;
  deletions += other.deletions;
  insertions += other.insertions;
  reference_words += other.reference_words;
  return *this;
}

namespace {

template <class Unit>
WordErrors fewest_errors(std::span<const Unit> reference, std::span<const Unit> hypothesis) {
  const size_t rows = reference.size() + 1, columns = hypothesis.size() + 1;
  std::vector<WordErrors> table(rows * columns);
  const auto cell = [&](size_t i, size_t j) -> WordErrors& { return table[i * columns + j]; };
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) {
      if (i == 0 && j == 0) continue;
      WordErrors best;
      bool found = false;
      const auto consider = [&](WordErrors candidate, int64_t WordErrors::* kind, bool error) {
        if (error) ++(candidate.*kind);
        if (!found || candidate.errors() < best.errors()) best = candidate;
        found = true;
      };
      if (i > 0 && j > 0)
        consider(cell(i - 1, j - 1), &WordErrors::substitutions, reference[i - 1] != hypothesis[j - 1]);
      if (i > 0) consider(cell(i - 1, j), &WordErrors::deletions, true);
      if (j > 0) consider(cell(i, j - 1), &WordErrors::insertions, true);
      cell(i, j) = best;
    }
  }
  WordErrors result = table.back();
  result.reference_words = static_cast<int64_t>(reference.size());
  return result;
}

}  // namespace

WordErrors word_errors(const std::vector<std::string>& reference, const std::vector<std::string>& hypothesis) {
  return fewest_errors<std::string>(reference, hypothesis);
}

WordErrors symbol_errors(std::span<const int> reference, std::span<const int> hypothesis) {
  return fewest_errors<int>(reference, hypothesis);
}

}  // namespace avsr::eval
