// Made-up clips, and everything that can be read in a short one, path by path.
#pragma once

#include <cmath>
#include <map>
#include <random>
#include <vector>

#include "decoding/log_probabilities.h"

namespace avsr::decoding {

// Log-probabilities that own their values.
struct OwnClip {
  std::vector<float> values;
  int symbols = 0;
  operator LogProbabilities() const { return {values, symbols}; }
};

// Distributions from logits of this spread, fixed by the seed.
inline OwnClip made_up_clip(unsigned seed, int steps, int symbols, float spread = 2) {
  std::mt19937 random(seed);
  std::vector<float> logits(static_cast<size_t>(steps * symbols));
  for (float& logit : logits) logit = spread * (static_cast<float>(random() % 2001) / 1000 - 1);
  return {log_softmax(logits, symbols), symbols};
}

// Probabilities, step by step; 0 becomes minus infinity.
inline OwnClip clip_of(const std::vector<std::vector<float>>& rows) {
  OwnClip clip{{}, static_cast<int>(rows.at(0).size())};
  for (const auto& row : rows)
    for (const float p : row) clip.values.push_back(std::log(p));
  return clip;
}

// What a path reads as.
inline std::vector<int> reading_of(const std::vector<int>& path, int blank) {
  std::vector<int> labels;
  for (size_t t = 0; t < path.size(); ++t)
    if (path[t] != blank && (t == 0 || path[t] != path[t - 1])) labels.push_back(path[t]);
  return labels;
}

struct Reading {
  double probability = 0;  // summed over its paths
  double best_path = 0;    // probability of the best one
  std::vector<int> path;   // which
};

// All V^T paths of a clip, by what they read as.
inline std::map<std::vector<int>, Reading> all_readings(const LogProbabilities& clip, int blank) {
  std::map<std::vector<int>, Reading> readings;
  std::vector<int> path(static_cast<size_t>(clip.steps()), 0);
  for (;;) {
    double log_probability = 0;
    for (int t = 0; t < clip.steps(); ++t)
      log_probability += clip.of(t)[static_cast<size_t>(path[static_cast<size_t>(t)])];
    Reading& reading = readings[reading_of(path, blank)];
    const double probability = std::exp(log_probability);
    reading.probability += probability;
    if (probability > reading.best_path) {
      reading.best_path = probability;
      reading.path = path;
    }
    size_t t = 0;
    while (t < path.size() && ++path[t] == clip.symbols) path[t++] = 0;
    if (t == path.size()) return readings;
  }
}

}  // namespace avsr::decoding
