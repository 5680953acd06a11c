#include "eval/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace avsr::eval {
namespace {

constexpr const char* kWhere = "calibration";

void check(const Scores& logits, std::span<const int> words) {
  check_scores(kWhere, logits);
  check_length(kWhere, "words", words.size(), static_cast<size_t>(logits.clips()));
  check_labels(kWhere, words, logits.labels);
}

void check_temperature(double temperature) {
  if (!(temperature > 0) || !std::isfinite(temperature))
    throw std::invalid_argument(fmt::format("[{}] expected a temperature above 0, got {}", kWhere, temperature));
}

void require_clips(const Scores& logits) {
  if (logits.clips() == 0)
    throw std::invalid_argument(fmt::format("[{}] expected at least one clip, got none", kWhere));
}

// exponentials = exp((logits - their largest) / temperature); returns their sum, which is at least 1.
double exponentials_of(std::span<const float> logits, double temperature, std::vector<double>& exponentials) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  exponentials.resize(logits.size());
  for (size_t v = 0; v < logits.size(); ++v) sum += exponentials[v] = std::exp((logits[v] - largest) / temperature);
  return sum;
}

// Of the mean loss, by 1 / temperature: expected logit minus the word's. Rises with 1 / temperature.
double slope(const Scores& logits, std::span<const int> words, double temperature) {
  double total = 0;
  std::vector<double> weights;
  for (int64_t i = 0; i < logits.clips(); ++i) {
    const auto row = logits.of(i);
    const double own = row[static_cast<size_t>(words[static_cast<size_t>(i)])];
    const double sum = exponentials_of(row, temperature, weights);
    double expected = 0;
    for (size_t v = 0; v < row.size(); ++v) expected += weights[v] * (row[v] - own);
    total += expected / sum;
  }
  return total / static_cast<double>(logits.clips());
}

}  // namespace

std::vector<ReliabilityBin> reliability_bins(const Scores& probabilities, std::span<const int> words, int bins) {
  check_probabilities(kWhere, probabilities);
  check(probabilities, words);
  if (bins < 1) throw std::invalid_argument(fmt::format("[{}] expected at least one bin, got {}", kWhere, bins));
  std::vector<ReliabilityBin> result(static_cast<size_t>(bins));
  for (int b = 0; b < bins; ++b)
    result[static_cast<size_t>(b)] = {static_cast<double>(b) / bins, static_cast<double>(b + 1) / bins, 0, {}, {}};
  for (int64_t i = 0; i < probabilities.clips(); ++i) {
    const auto row = probabilities.of(i);
    const int answer = best_label(row);
    const double confidence = row[static_cast<size_t>(answer)];
    // The product of a float and a small integer is exact in double, so the edges are too.
    const int b = std::clamp(static_cast<int>(std::ceil(confidence * bins)) - 1, 0, bins - 1);
    ReliabilityBin& bin = result[static_cast<size_t>(b)];
    ++bin.clips;
    bin.confidence = bin.confidence.value_or(0) + confidence;
    bin.accuracy = bin.accuracy.value_or(0) + (answer == words[static_cast<size_t>(i)] ? 1 : 0);
  }
  for (ReliabilityBin& bin : result)
    if (bin.clips > 0) {
      *bin.confidence /= static_cast<double>(bin.clips);
      *bin.accuracy /= static_cast<double>(bin.clips);
    }
  return result;
}

std::optional<double> expected_calibration_error(std::span<const ReliabilityBin> bins) {
  double sum = 0;
  int64_t clips = 0;
  for (const ReliabilityBin& bin : bins)
    if (bin.clips > 0) {
      sum += static_cast<double>(bin.clips) * std::abs(*bin.accuracy - *bin.confidence);
      clips += bin.clips;
    }
  if (clips == 0) return std::nullopt;
  return sum / static_cast<double>(clips);
}

std::vector<float> log_probabilities(const Scores& probabilities) {
  check_probabilities(kWhere, probabilities);
  std::vector<float> logarithms(probabilities.values.size());
  std::transform(probabilities.values.begin(), probabilities.values.end(), logarithms.begin(),
                 [](float p) { return static_cast<float>(log_probability(p)); });
  return logarithms;
}

double negative_log_likelihood(const Scores& logits, std::span<const int> words, double temperature) {
  check(logits, words);
  check_temperature(temperature);
  require_clips(logits);
  double total = 0;
  std::vector<double> scratch;
  for (int64_t i = 0; i < logits.clips(); ++i) {
    const auto row = logits.of(i);
    const double largest = *std::max_element(row.begin(), row.end());
    const double own = row[static_cast<size_t>(words[static_cast<size_t>(i)])];
    total += std::log(exponentials_of(row, temperature, scratch)) - (own - largest) / temperature;
  }
  return total / static_cast<double>(logits.clips());
}

double best_temperature(const Scores& logits, std::span<const int> words) {
  check(logits, words);
  require_clips(logits);
  const double at_lowest = slope(logits, words, kLowestTemperature);
  const double at_highest = slope(logits, words, kHighestTemperature);
  if (at_lowest == 0 && at_highest == 0) return 1;
  if (at_lowest <= 0) return kLowestTemperature;
  if (at_highest >= 0) return kHighestTemperature;
  double low = std::log(kLowestTemperature), high = std::log(kHighestTemperature);
  while (high - low > 1e-6) {
    const double middle = (low + high) / 2;
    (slope(logits, words, std::exp(middle)) > 0 ? low : high) = middle;
  }
  return std::exp((low + high) / 2);
}

std::vector<float> tempered(const Scores& logits, double temperature) {
  check_scores(kWhere, logits);
  check_temperature(temperature);
  std::vector<float> probabilities;
  probabilities.reserve(logits.values.size());
  std::vector<double> exponentials;
  for (int64_t i = 0; i < logits.clips(); ++i) {
    const double sum = exponentials_of(logits.of(i), temperature, exponentials);
    for (const double value : exponentials) probabilities.push_back(static_cast<float>(value / sum));
  }
  return probabilities;
}

}  // namespace avsr::eval
