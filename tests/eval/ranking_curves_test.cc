#include "eval/ranking_curves.h"

#include <cmath>
#include <random>
#include <stdexcept>

#include "tests/eval/goldens.h"

namespace avsr::eval {
namespace {

using nlohmann::json;

constexpr int kAllPoints = 1000000;

void expect_points(const RankingCurve& found, const json& wanted, const std::string& what) {
  ASSERT_EQ(found.points.size(), wanted.size()) << what;
  for (size_t i = 0; i < found.points.size(); ++i) {
    EXPECT_NEAR(found.points[i].x, wanted[i][0], 1e-15) << what << " " << i;
    EXPECT_NEAR(found.points[i].y, wanted[i][1], 1e-15) << what << " " << i;
  }
}

void expect_areas(const std::optional<RankingCurves>& found, const json& wanted, const std::string& what) {
  ASSERT_TRUE(found) << what;
  EXPECT_NEAR(found->roc.area, wanted.at("roc_area"), 1e-12) << what;
  EXPECT_NEAR(found->precision_recall.area, wanted.at("average_precision"), 1e-12) << what;
}

// The curves of label v from the scores of a case with a row for each clip.
std::optional<RankingCurves> one_against_the_rest(const Scores& scores, const std::vector<int>& words, int v) {
  std::vector<float> positives, negatives;
  for (size_t i = 0; i < words.size(); ++i)
    (words[i] == v ? positives : negatives).push_back(scores.of(static_cast<int64_t>(i))[static_cast<size_t>(v)]);
  return ranking_curves(positives, negatives, kAllPoints);
}

TEST(RankingCurves, AreThoseOfScikitLearn) {
  int undefined = 0;
  for (const json& golden : goldens().at("cases")) {
    const OwnScores scores = scores_of(golden.at("scores"), golden.at("unit"));
    const std::vector<int> words = golden.at("words");
    const json& wanted = golden.at("curves");
    const ClassifierCurves curves = classifier_curves(scores, words, 11);
    ASSERT_EQ(curves.classes.size(), wanted.at("classes").size());
    for (int v = 0; v < scores.labels; ++v) {
      const json& of_class = wanted.at("classes").at(static_cast<size_t>(v));
      const std::optional<RankingCurves> whole = one_against_the_rest(scores, words, v);
      ASSERT_EQ(whole.has_value(), !of_class.is_null()) << v;
      ASSERT_EQ(curves.classes[static_cast<size_t>(v)].has_value(), whole.has_value()) << v;
      undefined += whole ? 0 : 1;
      if (!whole) continue;
      expect_areas(whole, of_class, std::to_string(v));
      expect_areas(curves.classes[static_cast<size_t>(v)], of_class, "thinned " + std::to_string(v));
      expect_points(whole->roc, of_class.at("roc"), "ROC " + std::to_string(v));
      expect_points(whole->precision_recall, of_class.at("precision_recall"), "PR " + std::to_string(v));
    }
    expect_areas(curves.macro, wanted.at("macro"), "macro");
    expect_areas(curves.micro, wanted.at("micro"), "micro");
    for (size_t i = 0; i <= 10; ++i) {
      EXPECT_NEAR(curves.macro->roc.points[i].y, wanted.at("macro").at("roc_at_tenths").at(i), 1e-12) << i;
      EXPECT_NEAR(curves.macro->precision_recall.points[i].y, wanted.at("macro").at("precision_at_tenths").at(i), 1e-12)
          << i;
    }
  }
  EXPECT_EQ(undefined, 1);
}

TEST(RankingCurves, OfAHandfulByHand) {
  // By falling score: + (0.9), then + and - together (0.5), then - (0.25).
  const std::vector<float> positives{0.9f, 0.5f}, negatives{0.25f, 0.5f};
  const std::optional<RankingCurves> curves = ranking_curves(positives, negatives, kAllPoints);
  ASSERT_TRUE(curves);
  expect_points(curves->roc, json::parse("[[0, 0], [0, 0.5], [0.5, 1], [1, 1]]"), "ROC");
  EXPECT_DOUBLE_EQ(curves->roc.area, 0.875);  // of 4 pairs 3 in order, 1 equal
  expect_points(curves->precision_recall, json{{0, 1}, {0.5, 1}, {1, 2.0 / 3}, {1, 0.5}}, "PR");
  EXPECT_DOUBLE_EQ(curves->precision_recall.area, 0.5 * 1 + 0.5 * 2 / 3);
}

TEST(RankingCurves, OfEqualScoresAreChance) {
  const std::vector<float> positives(3, 0.5f), negatives(9, 0.5f);
  const std::optional<RankingCurves> curves = ranking_curves(positives, negatives, kAllPoints);
  ASSERT_TRUE(curves);
  expect_points(curves->roc, json::parse("[[0, 0], [1, 1]]"), "ROC");
  EXPECT_DOUBLE_EQ(curves->roc.area, 0.5);
  EXPECT_DOUBLE_EQ(curves->precision_recall.area, 0.25);
}

TEST(RankingCurves, AreNoneWithoutPositivesOrNegatives) {
  const std::vector<float> some{0.5f, 0.25f};
  EXPECT_FALSE(ranking_curves({}, some, 10));
  EXPECT_FALSE(ranking_curves(some, {}, 10));
  const std::vector<float> rows{0.75f, 0.25f, 0.5f, 0.5f};
  const ClassifierCurves curves = classifier_curves({rows, 2}, std::vector<int>{0, 0});
  EXPECT_FALSE(curves.classes[0]);
  EXPECT_FALSE(curves.classes[1]);
  EXPECT_FALSE(curves.macro);
  ASSERT_TRUE(curves.micro);
  EXPECT_DOUBLE_EQ(curves.micro->roc.area, 0.875);
  EXPECT_FALSE(classifier_curves({{}, 2}, {}).micro);
  EXPECT_FALSE(classifier_curves({some, 1}, std::vector<int>{0, 0}).micro);
}

TEST(RankingCurves, AreThinnedAlongTheirLengthAndKeepTheirAreas) {
  std::mt19937_64 random(5);
  std::vector<float> positives(400), negatives(4000);
  for (float& score : positives) score = std::sqrt(static_cast<float>(random() % 100000) / 100000);
  for (float& score : negatives) score = static_cast<float>(random() % 100000) / 100000;
  const auto whole = ranking_curves(positives, negatives, kAllPoints);
  ASSERT_TRUE(whole);
  ASSERT_GT(whole->roc.points.size(), 500u);
  for (const int most : {2, 3, 50}) {
    const auto few = ranking_curves(positives, negatives, most);
    ASSERT_TRUE(few);
    EXPECT_LE(few->roc.points.size(), static_cast<size_t>(most));
    EXPECT_LE(few->precision_recall.points.size(), static_cast<size_t>(most));
    EXPECT_EQ(few->roc.points.front().x, 0);
    EXPECT_EQ(few->roc.points.back().y, 1);
    EXPECT_EQ(few->precision_recall.points.front().y, 1);
    EXPECT_EQ(few->precision_recall.points.back().x, 1);
    EXPECT_EQ(few->roc.area, whole->roc.area);
    EXPECT_EQ(few->precision_recall.area, whole->precision_recall.area);
  }
  // Of a curve of length 2, 50 points lie at most 2 / 49 and one of its own short steps apart.
  const auto fifty = ranking_curves(positives, negatives, 50);
  const std::vector<RankingCurve::Point>& points = fifty->roc.points;
  ASSERT_GE(points.size(), 40u);
  for (size_t i = 1; i < points.size(); ++i)
    EXPECT_LT(points[i].x - points[i - 1].x + points[i].y - points[i - 1].y, 2 * 2.0 / 49) << i;
}

TEST(RankingCurves, KeepTheFirstPointBehindEachStep) {
  // By falling score, 16 of each kind: 14+ 6-, 2-, 1+, 1-, 1+, 7-. Of a length of 2 with 5 points each step is 1/2; the
  // first group passes two.
  std::vector<float> positives(14, 0.9f), negatives(6, 0.9f);
  negatives.insert(negatives.end(), 2, 0.8f);
  positives.push_back(0.7f);
  negatives.push_back(0.6f);
  positives.push_back(0.5f);
  negatives.insert(negatives.end(), 7, 0.4f);
  const auto curves = ranking_curves(positives, negatives, 5);
  ASSERT_TRUE(curves);
  expect_points(curves->roc, json::parse("[[0, 0], [0.375, 0.875], [0.5625, 0.9375], [1, 1]]"), "ROC");
}

TEST(RankingCurves, RefuseWhatDoesNotFit) {
  const std::vector<float> rows{0.75f, 0.25f, 0.5f, 0.5f}, odd{0.5f, std::nanf("")};
  const Scores scores{rows, 2};
  EXPECT_NO_THROW(classifier_curves(scores, std::vector<int>{0, 1}, 2));
  EXPECT_THROW(classifier_curves(scores, std::vector<int>{0, 1}, 1), std::invalid_argument);
  EXPECT_THROW(classifier_curves(scores, std::vector<int>{0}), std::invalid_argument);
  EXPECT_THROW(classifier_curves(scores, std::vector<int>{0, 2}), std::invalid_argument);
  EXPECT_THROW(classifier_curves({odd, 2}, std::vector<int>{0}), std::invalid_argument);
  EXPECT_THROW(ranking_curves(rows, odd, 10), std::invalid_argument);
  EXPECT_THROW(ranking_curves(odd, rows, 10), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::eval
