// Whether a classifier is as often right as its probabilities say, and the temperature that makes it so.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "eval/scores.h"

namespace avsr::eval {

// The clips whose confidence, their largest probability, lies in (low, high]; the first bin also holds 0.
struct ReliabilityBin {
  double low = 0, high = 0;
  int64_t clips = 0;
  std::optional<double> confidence;  // mean of the clips; none without clips
  std::optional<double> accuracy;    // share of the clips whose best label is the word; none without clips
};

// `bins` bins of equal width from 0 to 1 (Guo et al. 2017). words (N): indices of the labels. Throws
// std::invalid_argument on different lengths, labels out of range, bins < 1 and numbers that are no probabilities.
std::vector<ReliabilityBin> reliability_bins(const Scores& probabilities, std::span<const int> words, int bins = 15);

// Expected calibration error: the mean over clips of |accuracy - confidence| of their bin, 0 to 1 (Naeini, Cooper and
// Hauskrecht 2015). None without clips.
std::optional<double> expected_calibration_error(std::span<const ReliabilityBin> bins);

// The next functions take logits, of which the softmax are the probabilities; logarithms of probabilities are some.
// All throw std::invalid_argument on scores that are not finite, different lengths, labels out of range, no clips, and
// temperatures that are not above 0.

// The logarithms (log_probability in scores.h) of probabilities (N, V).
std::vector<float> log_probabilities(const Scores& probabilities);

// Mean over clips of -log softmax(logits / temperature)[word], in nats.
double negative_log_likelihood(const Scores& logits, std::span<const int> words, double temperature = 1);

constexpr double kLowestTemperature = 0.01, kHighestTemperature = 100;
// The temperature with the least negative log-likelihood (temperature scaling, Guo et al. 2017), to be chosen on
// validation. The likelihood is concave in 1 / temperature, so the sign of its slope is bisected, over the logarithm of
// the temperature, to 1e-6 of the temperature. Where the best one lies outside the range above, the end that is nearer:
// the lowest where every clip is right. 1 where temperature changes nothing: all clips' logits are equal.
double best_temperature(const Scores& logits, std::span<const int> words);

// (N, V) probabilities softmax(logits / temperature). Best labels stay what they are.
std::vector<float> tempered(const Scores& logits, double temperature);

}  // namespace avsr::eval
