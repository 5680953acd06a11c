// How well scores tell the clips of a class from all others, at every threshold: ROC and precision-recall curves.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "eval/scores.h"

namespace avsr::eval {

struct RankingCurve {
  struct Point {
    double x = 0, y = 0;  // shares, 0 to 1
  };
  std::vector<Point> points;  // to be joined by lines; x never falls
  double area = 0;            // of the whole curve, however few points are kept
};

struct RankingCurves {
  // x: false positive rate, y: true positive rate, from (0, 0) to (1, 1). Its area, by trapezoids, is the probability
  // that a clip of the class scores higher than another one, equal scores counting one half (Hanley and McNeil 1982).
  RankingCurve roc;
  // x: recall, y: precision; begins at (0, 1), where nothing is accepted. Its area is the average precision, the sum of
  // precision times gain in recall (Salton and McGill 1983): no line between points is believed, as lines would flatter
  // (Davis and Goadrich 2006).
  RankingCurve precision_recall;
};

// All clips whose score is at least the threshold are accepted, so that equal scores enter together. Takes time
// O(n log p) and memory O(p) for p positives among n scores, not counting the inputs.
// Each curve keeps at most most_points (>= 2) of its points, spread evenly along it, the first and the last among them.
// None without positives or without negatives: there is nothing to tell apart. Throws std::invalid_argument on scores
// that are not finite.
std::optional<RankingCurves> ranking_curves(std::span<const float> positives, std::span<const float> negatives,
                                            int most_points);

struct ClassifierCurves {
  std::vector<std::optional<RankingCurves>> classes;  // (V), one against the rest
  // Areas: means over the classes that have curves. Curves: means of y at most_points equally spaced x (vertical
  // averaging, Fawcett 2006), precision at the next recall that a class reaches. None where no class has curves.
  std::optional<RankingCurves> macro;
  // All N x V scores pooled, each a positive where the label is the clip's word.
  std::optional<RankingCurves> micro;
};
// words (N): indices of the labels. Throws std::invalid_argument on different lengths, labels out of range, scores that
// are not finite and most_points < 2.
ClassifierCurves classifier_curves(const Scores& scores, std::span<const int> words, int most_points = 200);

}  // namespace avsr::eval
