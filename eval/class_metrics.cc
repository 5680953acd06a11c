#include "eval/class_metrics.h"

#include <fmt/format.h>

#include <functional>
#include <stdexcept>

#include "eval/scores.h"

namespace avsr::eval {
namespace {

std::optional<double> share(int64_t part, int64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

using Weight = std::function<double(const ClassMetrics&)>;

std::optional<double> mean(std::span<const ClassMetrics> classes, std::optional<double> ClassShares::* metric,
                           const Weight& weight) {
  double sum = 0, weights = 0;
  for (const ClassMetrics& one : classes)
    if (one.*metric) {
      sum += weight(one) * *(one.*metric);
      weights += weight(one);
    }
  if (weights == 0) return std::nullopt;
  return sum / weights;
}

ClassShares means(std::span<const ClassMetrics> classes, const Weight& weight) {
  return {mean(classes, &ClassShares::precision, weight), mean(classes, &ClassShares::recall, weight),
          mean(classes, &ClassShares::specificity, weight), mean(classes, &ClassShares::f1, weight)};
}

}  // namespace

ConfusionMatrix confusion_matrix(std::span<const int> said, std::span<const int> heard, int labels) {
  constexpr const char* kWhere = "confusion matrix";
  if (labels < 1) throw std::invalid_argument(fmt::format("[{}] expected at least one label, got {}", kWhere, labels));
  check_length(kWhere, "answers", heard.size(), said.size());
  check_labels(kWhere, said, labels);
  check_labels(kWhere, heard, labels);
  const auto width = static_cast<size_t>(labels);
  ConfusionMatrix matrix{labels, std::vector<int64_t>(width * width)};
  for (size_t i = 0; i < said.size(); ++i)
    ++matrix.counts[static_cast<size_t>(said[i]) * width + static_cast<size_t>(heard[i])];
  return matrix;
}

std::vector<ClassMetrics> class_metrics(const ConfusionMatrix& matrix) {
  const auto labels = static_cast<size_t>(matrix.labels);
  std::vector<int64_t> said(labels), heard(labels);
  int64_t clips = 0;
  for (size_t i = 0; i < matrix.counts.size(); ++i) {
    said[i / labels] += matrix.counts[i];
    heard[i % labels] += matrix.counts[i];
    clips += matrix.counts[i];
  }
  std::vector<ClassMetrics> classes(labels);
  for (size_t v = 0; v < labels; ++v) {
    const int64_t both = matrix.at(static_cast<int>(v), static_cast<int>(v));
    const int64_t others = clips - said[v], false_alarms = heard[v] - both;
    ClassMetrics& one = classes[v];
    one.precision = share(both, heard[v]);
    one.recall = share(both, said[v]);
    one.specificity = share(others - false_alarms, others);
    one.f1 = share(2 * both, said[v] + heard[v]);
    one.support = said[v];
  }
  return classes;
}

ClassShares macro_mean(std::span<const ClassMetrics> classes) {
  return means(classes, [](const ClassMetrics&) { return 1.0; });
}

ClassShares weighted_mean(std::span<const ClassMetrics> classes) {
  return means(classes, [](const ClassMetrics& one) { return static_cast<double>(one.support); });
}

}  // namespace avsr::eval
