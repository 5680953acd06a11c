#include "pipeline/evaluation/decision_fusion.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace avsr::pipeline {
namespace {

using eval::FusionRule;

constexpr int kSteps = 36;  // 8 / 18, the weight of the course's 8 : 10, is one of the weights
constexpr std::array<std::pair<FusionRule, const char*>, 2> kRules{
    {{FusionRule::sum, "sum"}, {FusionRule::product, "product"}}};

float largest_of(std::span<const float> values) { return *std::max_element(values.begin(), values.end()); }

}  // namespace

std::string FusionWay::title() const {
  return rule ? fmt::format("{} ({:.2f} : {:.2f})", name, weight, 1 - weight) : name;
}

std::vector<float> FusionWay::join(const eval::Scores& audio, const eval::Scores& video) const {
  if (rule) return eval::fuse(audio, video, weight, *rule);
  std::vector<float> joint;
  joint.reserve(audio.values.size());
  for (int64_t clip = 0; clip < audio.clips(); ++clip) {
    const std::span<const float> a = audio.of(clip), v = video.of(clip),
                                 decides = largest_of(a) >= largest_of(v) ? a : v;
    joint.insert(joint.end(), decides.begin(), decides.end());
  }
  return joint;
}

void FusionChoice::add(size_t condition, const eval::Scores& audio, const eval::Scores& video,
                       std::span<const int> words) {
  Counts& counts = counts_.at(condition);
  const auto count = [&](FusionRule rule, std::vector<double>& right) {
    right.resize(kSteps + 1);
    const std::vector<eval::FusionPoint> points = eval::fusion_curve(audio, video, words, rule, kSteps);
    for (size_t i = 0; i < points.size(); ++i) right[i] += points[i].accuracy * static_cast<double>(words.size());
  };
  count(FusionRule::sum, counts.sum);
  count(FusionRule::product, counts.product);
  counts.clips += static_cast<int64_t>(words.size());
}

std::vector<eval::FusionPoint> FusionChoice::curve(FusionRule rule, std::optional<size_t> condition) const {
  std::vector<eval::FusionPoint> points;
  for (int step = 0; step <= kSteps; ++step) {
    double right = 0;
    int64_t clips = 0;
    for (size_t c = 0; c < counts_.size(); ++c) {
      if (counts_[c].clips == 0 || (condition && *condition != c)) continue;
      right += (rule == FusionRule::sum ? counts_[c].sum : counts_[c].product)[static_cast<size_t>(step)];
      clips += counts_[c].clips;
    }
    if (clips == 0) throw std::logic_error("[decision fusion] no validation clip to choose a weight on");
    points.push_back({static_cast<double>(step) / kSteps, right / static_cast<double>(clips)});
  }
  return points;
}

std::vector<FusionWay> FusionChoice::ways() const {
  std::vector<FusionWay> ways{{"vote", std::nullopt, 0.5}};
  for (const auto& [rule, name] : kRules) ways.push_back({name, rule, eval::best_weight(curve(rule, std::nullopt))});
  return ways;
}

nlohmann::json FusionChoice::describe(const std::vector<std::string>& condition_names) const {
  nlohmann::json rules = nlohmann::json::array();
  for (const auto& [rule, name] : kRules) {
    const std::vector<eval::FusionPoint> all = curve(rule, std::nullopt);
    nlohmann::json points = nlohmann::json::array(), own = nlohmann::json::array();
    for (const eval::FusionPoint& point : all)
      points.push_back({{"audio_weight", point.weight}, {"accuracy", point.accuracy}});
    for (size_t c = 0; c < counts_.size(); ++c)
      if (counts_[c].clips > 0)
        own.push_back({{"condition", condition_names.at(c)}, {"audio_weight", eval::best_weight(curve(rule, c))}});
    rules.push_back(
        {{"rule", name}, {"audio_weight", eval::best_weight(all)}, {"curve", points}, {"by_condition", own}});
  }
  return rules;
}

}  // namespace avsr::pipeline
