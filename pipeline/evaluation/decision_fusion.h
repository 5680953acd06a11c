// Decision fusion: a lip-reader and an ear answer apart, and their probabilities become one answer. The rival of the
// networks that fuse inside.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eval/fusion.h"
#include "eval/scores.h"

namespace avsr::pipeline {

// A way to join the two. Without a weight: by vote (eval/fusion.h).
struct FusionWay {
  std::string name;  // "vote", "sum", "product"
  std::optional<eval::FusionRule> rule;
  double weight = 0.5;  // of the audio, chosen on validation

  std::string title() const;  // "vote", "sum (0.44 : 0.56)", audio to video

  // (N, V) probabilities; of the vote those of the stream that decides.
  std::vector<float> join(const eval::Scores& audio, const eval::Scores& video) const;
};

// Chooses the weights on validation clips: one for all conditions together, because whoever uses a fusion does not know
// the noise.
class FusionChoice {
 public:
  explicit FusionChoice(size_t conditions) : counts_(conditions) {}
  // The probabilities (N, V) of some clips under one condition.
  void add(size_t condition, const eval::Scores& audio, const eval::Scores& video, std::span<const int> words);
  // Vote, sum and product. Throws std::logic_error when nothing was added.
  std::vector<FusionWay> ways() const;
  // For the report: for each rule the accuracy at each weight over all conditions, and each condition's own best
  // weight.
  nlohmann::json describe(const std::vector<std::string>& condition_names) const;

 private:
  struct Counts {
    std::vector<double> sum, product;  // clips answered rightly, at each weight
    int64_t clips = 0;
  };
  std::vector<eval::FusionPoint> curve(eval::FusionRule rule, std::optional<size_t> condition) const;
  std::vector<Counts> counts_;  // by condition
};

}  // namespace avsr::pipeline
