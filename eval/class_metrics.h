// The confusion matrix, and what it says of each class.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace avsr::eval {

// counts (V, V), row-major: so many clips of the row's label were answered with the column's.
struct ConfusionMatrix {
  int labels = 0;
  std::vector<int64_t> counts;
  int64_t at(int said, int heard) const { return counts[static_cast<size_t>(said) * labels + heard]; }
};
// said, heard (N): indices of the labels. Throws std::invalid_argument on different lengths, labels < 1 and indices
// outside 0 .. labels - 1.
ConfusionMatrix confusion_matrix(std::span<const int> said, std::span<const int> heard, int labels);

// Shares, 0 to 1; none where there is nothing to take a share of.
struct ClassShares {
  std::optional<double> precision;    // TP / (TP + FP); none: the class was never answered
  std::optional<double> recall;       // TP / (TP + FN); none: it was never said
  std::optional<double> specificity;  // TN / (TN + FP), the true negative rate; none: nothing else was said
  std::optional<double> f1;           // 2 TP / (2 TP + FP + FN); none: neither said nor answered
};

struct ClassMetrics : ClassShares {
  int64_t support = 0;  // clips of this class
};

// (V) each label, one against the rest (van Rijsbergen 1979; specificity: Yerushalmy 1947).
std::vector<ClassMetrics> class_metrics(const ConfusionMatrix& matrix);

// Means over the classes that have the metric; none where no class has. A class that is said and never answered has no
// precision and is thus no burden to its mean: read it beside the recall or F1, which then are 0.
ClassShares macro_mean(std::span<const ClassMetrics> classes);
// The same, weighted by support.
ClassShares weighted_mean(std::span<const ClassMetrics> classes);

}  // namespace avsr::eval
