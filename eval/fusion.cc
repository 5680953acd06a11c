#include "eval/fusion.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <stdexcept>

namespace avsr::eval {
namespace {

constexpr const char* kWhere = "fusion";

void check(const Scores& a, const Scores& b) {
  check_probabilities(kWhere, a);
  check_probabilities(kWhere, b);
  if (a.labels != b.labels || a.clips() != b.clips())
    throw std::invalid_argument(fmt::format("[{}] expected two systems of one shape, got {} x {} and {} x {}", kWhere,
                                            a.clips(), a.labels, b.clips(), b.labels));
}

// One clip's probabilities in the form that is weighed.
class Row {
 public:
  Row(std::span<const float> a, std::span<const float> b, FusionRule rule) : rule_(rule) {
    const auto weighed = [rule](float p) { return rule == FusionRule::sum ? p : log_probability(p); };
    std::transform(a.begin(), a.end(), std::back_inserter(a_), weighed);
    std::transform(b.begin(), b.end(), std::back_inserter(b_), weighed);
  }

  // out: (V)
  void fuse(double weight, std::span<float> out) {
    joint_.resize(a_.size());
    for (size_t v = 0; v < a_.size(); ++v) joint_[v] = weight * a_[v] + (1 - weight) * b_[v];
    if (rule_ == FusionRule::product) {
      const double largest = *std::max_element(joint_.begin(), joint_.end());
      double sum = 0;
      for (double& value : joint_) sum += value = std::exp(value - largest);
      for (double& value : joint_) value /= sum;
    }
    std::transform(joint_.begin(), joint_.end(), out.begin(), [](double value) { return static_cast<float>(value); });
  }

 private:
  FusionRule rule_;
  std::vector<double> a_, b_, joint_;
};

}  // namespace

std::vector<int> vote(const Scores& a, const Scores& b) {
  check(a, b);
  std::vector<int> answers;
  for (int64_t i = 0; i < a.clips(); ++i) {
    const int first = best_label(a.of(i)), second = best_label(b.of(i));
    const bool second_decides = b.of(i)[static_cast<size_t>(second)] > a.of(i)[static_cast<size_t>(first)];
    answers.push_back(second_decides ? second : first);
  }
  return answers;
}

std::vector<float> fuse(const Scores& a, const Scores& b, double weight, FusionRule rule) {
  check(a, b);
  if (!(weight >= 0 && weight <= 1))
    throw std::invalid_argument(fmt::format("[{}] expected a weight from 0 to 1, got {}", kWhere, weight));
  std::vector<float> joint(a.values.size());
  const auto labels = static_cast<size_t>(a.labels);
  for (int64_t i = 0; i < a.clips(); ++i)
    Row(a.of(i), b.of(i), rule).fuse(weight, std::span(joint).subspan(static_cast<size_t>(i) * labels, labels));
  return joint;
}

std::vector<FusionPoint> fusion_curve(const Scores& a, const Scores& b, std::span<const int> words, FusionRule rule,
                                      int steps) {
  check(a, b);
  check_length(kWhere, "words", words.size(), static_cast<size_t>(a.clips()));
  check_labels(kWhere, words, a.labels);
  if (words.empty() || steps < 1)
    throw std::invalid_argument(
        fmt::format("[{}] expected clips and at least one step, got {} and {}", kWhere, words.size(), steps));
  std::vector<int64_t> correct(static_cast<size_t>(steps) + 1);
  std::vector<float> joint(static_cast<size_t>(a.labels));
  const auto weight_of = [steps](size_t k) { return static_cast<double>(k) / steps; };
  for (int64_t i = 0; i < a.clips(); ++i) {
    Row row(a.of(i), b.of(i), rule);
    for (size_t k = 0; k < correct.size(); ++k) {
      row.fuse(weight_of(k), joint);
      correct[k] += best_label(joint) == words[static_cast<size_t>(i)] ? 1 : 0;
    }
  }
  std::vector<FusionPoint> curve;
  for (size_t k = 0; k < correct.size(); ++k)
    curve.push_back({weight_of(k), static_cast<double>(correct[k]) / static_cast<double>(words.size())});
  return curve;
}

double best_weight(std::span<const FusionPoint> curve) {
  if (curve.empty()) throw std::invalid_argument(fmt::format("[{}] expected a curve with points, got none", kWhere));
  constexpr double kRounding = 1e-9;  // 3 / 7 and 4 / 7 are equally near
  const auto worse = [](const FusionPoint& x, const FusionPoint& y) {
    if (x.accuracy != y.accuracy) return x.accuracy < y.accuracy;
    const double farther = std::abs(x.weight - 0.5) - std::abs(y.weight - 0.5);
    return std::abs(farther) > kRounding ? farther > 0 : x.weight > y.weight;
  };
  return std::max_element(curve.begin(), curve.end(), worse)->weight;
}

}  // namespace avsr::eval
