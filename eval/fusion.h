// Decision fusion: one answer from the probabilities of two systems that saw the same clips, such as sound and video.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "eval/scores.h"

namespace avsr::eval {

// a, b: probabilities (N, V) of two systems. All functions throw std::invalid_argument on different shapes, numbers
// that are no probabilities and weights outside 0 .. 1.

// (N) the answer of each clip by vote. Two voters that disagree have no majority: the more confident one, by its
// largest probability, decides; of equally confident ones the first system.
std::vector<int> vote(const Scores& a, const Scores& b);

// How probabilities join, a having the weight w and b 1 - w (Kittler et al. 1998).
enum class FusionRule : uint8_t {
  sum,      // w a + (1 - w) b
  product,  // a^w b^(1 - w), made to add up to 1: the weighted sum of logarithms (log_probability in scores.h)
};

// Note [8 : 10]
// The course's slides weigh audio to video "8 : 10". That is read here as the weighted sum of probabilities,
// (8 audio + 10 video) / 18: rule sum with a the audio and w = 8 / 18 = 0.444. A curve of 18 steps, or of a multiple,
// holds that very weight.

// (N, V) the joint probabilities.
std::vector<float> fuse(const Scores& a, const Scores& b, double weight, FusionRule rule);

struct FusionPoint {
  double weight = 0, accuracy = 0;  // of the answers of fuse(); shares, 0 to 1
};

// At the weights 0, 1 / steps, …, 1. words (N): indices of the labels; throws also on different lengths, labels out of
// range, no clips and steps < 1.
std::vector<FusionPoint> fusion_curve(const Scores& a, const Scores& b, std::span<const int> words, FusionRule rule,
                                      int steps = 36);

// The weight with the best accuracy, to be chosen on validation; of equals the one nearest to 0.5, then the smaller.
// Throws on a curve without points.
double best_weight(std::span<const FusionPoint> curve);

}  // namespace avsr::eval
