#include "eval/ranking_curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <stdexcept>

namespace avsr::eval {
namespace {

using Point = RankingCurve::Point;

constexpr const char* kWhere = "ranking curves";

// What a threshold accepts.
struct Accepted {
  int64_t positives = 0, negatives = 0;
};

// Note [Corners]
// Both curves change direction only where a positive is accepted: while only negatives are, ROC runs level and
// precision-recall straight down. So the counts just before and at each distinct score of a positive are the whole
// curves. Negatives need no sorting: each is counted at, or between, the positives' scores.
class Corners {
 public:
  explicit Corners(std::vector<float> positives) : thresholds_(std::move(positives)) {
    std::sort(thresholds_.begin(), thresholds_.end(), std::greater<>());
    for (size_t i = 0; i < thresholds_.size(); ++i) {
      if (i == 0 || thresholds_[i] != thresholds_[i - 1]) at_.push_back({});
      ++at_.back().positives;
    }
    thresholds_.erase(std::unique(thresholds_.begin(), thresholds_.end()), thresholds_.end());
    above_.resize(thresholds_.size() + 1);
  }

  void add_negative(float score) {
    const auto next = std::lower_bound(thresholds_.begin(), thresholds_.end(), score, std::greater<>());
    const auto i = static_cast<size_t>(next - thresholds_.begin());
    ++(next != thresholds_.end() && *next == score ? at_[i].negatives : above_[i]);
  }

  // Beginning with nothing, ending with everything.
  std::vector<Accepted> counts() const {
    std::vector<Accepted> counts(1);
    const auto accept = [&](int64_t positives, int64_t negatives) {
      if (positives + negatives > 0)
        counts.push_back({counts.back().positives + positives, counts.back().negatives + negatives});
    };
    for (size_t i = 0; i < at_.size(); ++i) {
      accept(0, above_[i]);
      accept(at_[i].positives, at_[i].negatives);
    }
    accept(0, above_.back());
    return counts;
  }

 private:
  std::vector<float> thresholds_;  // distinct scores of positives, falling
  std::vector<Accepted> at_;       // with exactly that score
  std::vector<int64_t> above_;     // negatives above it and below the one before; at the end: below all
};

double quotient(int64_t a, int64_t b) { return static_cast<double>(a) / static_cast<double>(b); }

// The whole curves. None without positives or negatives.
std::optional<RankingCurves> curves_of(const Corners& corners) {
  const std::vector<Accepted> counts = corners.counts();
  const Accepted all = counts.back();
  if (all.positives == 0 || all.negatives == 0) return std::nullopt;
  RankingCurves curves{{{{0, 0}}, 0}, {{{0, 1}}, 0}};
  for (size_t i = 1; i < counts.size(); ++i) {
    const Point before = curves.roc.points.back();
    const Point roc{quotient(counts[i].negatives, all.negatives), quotient(counts[i].positives, all.positives)};
    curves.roc.area += (roc.x - before.x) * (roc.y + before.y) / 2;
    curves.roc.points.push_back(roc);
    const Point pr{roc.y, quotient(counts[i].positives, counts[i].positives + counts[i].negatives)};
    curves.precision_recall.area += (pr.x - before.y) * pr.y;
    curves.precision_recall.points.push_back(pr);
  }
  return curves;
}

double distance(const Point& a, const Point& b) { return std::abs(a.x - b.x) + std::abs(a.y - b.y); }

// The first, the last, and the first to pass each of most - 2 equal steps along the curve.
void thin(std::vector<Point>& points, int most) {
  if (points.size() <= static_cast<size_t>(most)) return;
  double length = 0, travelled = 0;
  for (size_t i = 1; i < points.size(); ++i) length += distance(points[i - 1], points[i]);
  std::vector<Point> kept{points.front()};
  int steps = 0;
  for (size_t i = 1; i + 1 < points.size(); ++i) {
    travelled += distance(points[i - 1], points[i]);
    const int passed = static_cast<int>(travelled / length * (most - 1));
    if (passed > steps) {
      kept.push_back(points[i]);
      steps = passed;
    }
  }
  kept.push_back(points.back());
  points = std::move(kept);
}

void thin(RankingCurves& curves, int most) {
  thin(curves.roc.points, most);
  thin(curves.precision_recall.points, most);
}

void require_points(int most_points) {
  if (most_points < 2)
    throw std::invalid_argument(fmt::format("[{}] expected at least 2 points, got {}", kWhere, most_points));
}

// On the line between points; at a vertical stretch its end.
double roc_at(const std::vector<Point>& points, double x) {
  const auto after =
      std::upper_bound(points.begin(), points.end(), x, [](double at, const Point& p) { return at < p.x; });
  const Point& a = *(after - 1);
  if (after == points.end()) return a.y;
  return a.y + (after->y - a.y) * (x - a.x) / (after->x - a.x);
}

double precision_at(const std::vector<Point>& points, double recall) {
  return std::lower_bound(points.begin(), points.end(), recall, [](const Point& p, double x) { return p.x < x; })->y;
}

// The sum of curves, of which not all points need be kept.
class MacroMean {
 public:
  explicit MacroMean(int points) : grid_(static_cast<size_t>(points)) {
    for (size_t i = 0; i < grid_.size(); ++i) grid_[i] = static_cast<double>(i) / (points - 1);
    for (RankingCurve* curve : {&sum_.roc, &sum_.precision_recall})
      for (const double x : grid_) curve->points.push_back({x, 0});
  }

  void add(const RankingCurves& curves) {
    ++classes_;
    sum_.roc.area += curves.roc.area;
    sum_.precision_recall.area += curves.precision_recall.area;
    for (size_t i = 0; i < grid_.size(); ++i) {
      sum_.roc.points[i].y += roc_at(curves.roc.points, grid_[i]);
      sum_.precision_recall.points[i].y += precision_at(curves.precision_recall.points, grid_[i]);
    }
  }

  std::optional<RankingCurves> mean() const {
    if (classes_ == 0) return std::nullopt;
    RankingCurves mean = sum_;
    for (RankingCurve* curve : {&mean.roc, &mean.precision_recall}) {
      curve->area /= classes_;
      for (Point& point : curve->points) point.y /= classes_;
    }
    return mean;
  }

 private:
  std::vector<double> grid_;
  RankingCurves sum_;
  int classes_ = 0;
};

struct AllCorners {
  std::vector<Corners> classes;  // one for each label
  Corners pooled;
};

// In one pass over the rows: labels one by one would touch each row once for each.
AllCorners corners_of(const Scores& scores, std::span<const int> words) {
  std::vector<std::vector<float>> own(static_cast<size_t>(scores.labels));
  std::vector<float> all;
  for (size_t i = 0; i < words.size(); ++i) {
    const auto word = static_cast<size_t>(words[i]);
    all.push_back(scores.of(static_cast<int64_t>(i))[word]);
    own[word].push_back(all.back());
  }
  AllCorners corners{{}, Corners(std::move(all))};
  for (std::vector<float>& positives : own) corners.classes.emplace_back(std::move(positives));
  for (size_t i = 0; i < words.size(); ++i) {
    const auto row = scores.of(static_cast<int64_t>(i));
    for (size_t v = 0; v < row.size(); ++v)
      if (v != static_cast<size_t>(words[i])) {
        corners.classes[v].add_negative(row[v]);
        corners.pooled.add_negative(row[v]);
      }
  }
  return corners;
}

}  // namespace

std::optional<RankingCurves> ranking_curves(std::span<const float> positives, std::span<const float> negatives,
                                            int most_points) {
  require_points(most_points);
  check_scores(kWhere, {positives, 1});
  check_scores(kWhere, {negatives, 1});
  Corners corners({positives.begin(), positives.end()});
  for (const float score : negatives) corners.add_negative(score);
  std::optional<RankingCurves> curves = curves_of(corners);
  if (curves) thin(*curves, most_points);
  return curves;
}

ClassifierCurves classifier_curves(const Scores& scores, std::span<const int> words, int most_points) {
  require_points(most_points);
  check_scores(kWhere, scores);
  check_length(kWhere, "words", words.size(), static_cast<size_t>(scores.clips()));
  check_labels(kWhere, words, scores.labels);
  const AllCorners corners = corners_of(scores, words);
  ClassifierCurves result;
  MacroMean macro(most_points);
  for (const Corners& of_class : corners.classes) {
    std::optional<RankingCurves> curves = curves_of(of_class);
    if (curves) {
      macro.add(*curves);
      thin(*curves, most_points);
    }
    result.classes.push_back(std::move(curves));
  }
  result.macro = macro.mean();
  result.micro = curves_of(corners.pooled);
  if (result.micro) thin(*result.micro, most_points);
  return result;
}

}  // namespace avsr::eval
