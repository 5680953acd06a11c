#include "eval/fusion.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "tests/eval/goldens.h"

namespace avsr::eval {
namespace {

// Clip 0: both say 0. Clip 1: a says 1, b says 2 more surely. Clip 2: a says 0 more surely than b says 1.
// Clip 3: equally sure of 2 and 0.
const OwnScores kA{{0.5f, 0.25f, 0.25f, 0.125f, 0.5f, 0.375f, 0.875f, 0.125f, 0, 0.25f, 0.25f, 0.5f}, 3};
const OwnScores kB{{0.75f, 0.125f, 0.125f, 0.125f, 0.25f, 0.625f, 0.25f, 0.75f, 0, 0.5f, 0.25f, 0.25f}, 3};

TEST(Vote, IsDecidedByTheMoreConfident) {
  EXPECT_EQ(vote(kA, kB), (std::vector<int>{0, 2, 0, 2}));
  EXPECT_EQ(vote(kB, kA), (std::vector<int>{0, 2, 0, 0}));
}

TEST(Fusion, WeighsProbabilities) {
  const std::vector<float> sum = fuse(kA, kB, 0.25, FusionRule::sum);
  ASSERT_EQ(sum.size(), 12u);
  EXPECT_FLOAT_EQ(sum[0], 0.25f * 0.5f + 0.75f * 0.75f);
  EXPECT_FLOAT_EQ(sum[5], 0.25f * 0.375f + 0.75f * 0.625f);
}

TEST(Fusion, MultipliesProbabilities) {
  // Clip 0: sqrt of 3/8, 1/32, 1/32; their sum is (sqrt 12 + 2) / sqrt 32.
  const std::vector<float> product = fuse(kA, kB, 0.5, FusionRule::product);
  EXPECT_FLOAT_EQ(product[0], static_cast<float>(std::sqrt(12.0) / (std::sqrt(12.0) + 2)));
  EXPECT_FLOAT_EQ(product[1], static_cast<float>(1 / (std::sqrt(12.0) + 2)));
}

TEST(Fusion, OfOneSystemAloneIsThatSystem) {
  for (const FusionRule rule : {FusionRule::sum, FusionRule::product}) {
    const std::vector<float> a = fuse(kA, kB, 1, rule), b = fuse(kA, kB, 0, rule);
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_NEAR(a[i], kA.values[i], 1e-7) << i;
      EXPECT_NEAR(b[i], kB.values[i], 1e-7) << i;
    }
  }
}

TEST(Fusion, OfSystemsThatRuleOutEachOtherIsDefined) {
  const OwnScores a{{1, 0, 0}, 3}, b{{0, 1, 0}, 3};
  const std::vector<float> product = fuse(a, b, 0.5, FusionRule::product);
  EXPECT_FLOAT_EQ(product[0], 0.5f);
  EXPECT_FLOAT_EQ(product[1], 0.5f);
  EXPECT_LT(product[2], 1e-18f);
  EXPECT_EQ(fuse(a, b, 0.75, FusionRule::sum), (std::vector<float>{0.75f, 0.25f, 0}));
}

TEST(FusionCurve, IsTheAccuracyAtEachWeight) {
  const std::vector<int> words{0, 1, 1, 2};
  for (const FusionRule rule : {FusionRule::sum, FusionRule::product}) {
    const std::vector<FusionPoint> curve = fusion_curve(kA, kB, words, rule, 18);
    ASSERT_EQ(curve.size(), 19u);
    for (const FusionPoint& point : curve) {
      const OwnScores joint{fuse(kA, kB, point.weight, rule), 3};
      EXPECT_EQ(point.accuracy, accuracy(words, answers_of(joint))) << point.weight;
    }
    EXPECT_EQ(curve[8].weight, 8.0 / 18);
    EXPECT_EQ(curve.front().accuracy, 0.5);
    EXPECT_EQ(curve.back().accuracy, 0.75);
  }
  // By hand, rule sum: clip 1 is right from w = 3/4 (a leads by w / 8, b by 3 (1 - w) / 8; of equals the smaller
  // index), clip 2 up to 2/5, clip 3 from above 1/2, clip 0 always.
  const std::vector<FusionPoint> curve = fusion_curve(kA, kB, words, FusionRule::sum, 20);
  const std::vector<std::pair<size_t, double>> wanted{{0, 0.5}, {7, 0.5}, {9, 0.25}, {11, 0.5}, {14, 0.5}, {16, 0.75}};
  for (const auto& [at, share] : wanted) EXPECT_EQ(curve[at].accuracy, share) << curve[at].weight;
}

TEST(FusionCurve, BestWeightIsTheMostEvenOfTheBest) {
  EXPECT_EQ(best_weight(std::vector<FusionPoint>{{0, 0.9}, {0.25, 0.9}, {0.5, 0.8}, {1, 0.9}}), 0.25);
  EXPECT_EQ(best_weight(std::vector<FusionPoint>{{0, 0.1}, {0.5, 0.8}, {1, 0.9}}), 1);
  std::vector<FusionPoint> sevenths;
  for (int k = 0; k <= 7; ++k) sevenths.push_back({k / 7.0, 0.5});
  EXPECT_EQ(best_weight(sevenths), 3 / 7.0);
  std::reverse(sevenths.begin(), sevenths.end());
  EXPECT_EQ(best_weight(sevenths), 3 / 7.0);
  EXPECT_THROW(best_weight({}), std::invalid_argument);
}

TEST(Fusion, RefusesWhatDoesNotFit) {
  const std::vector<int> words{0, 1, 1, 2};
  const OwnScores short_one{{0.5f, 0.25f, 0.25f}, 3}, narrow{std::vector<float>(8, 0.5f), 2},
      odd{std::vector<float>(12, std::nanf("")), 3}, logits{std::vector<float>(12, -1.0f), 3};
  for (const OwnScores& other : {short_one, narrow, odd, logits}) {
    EXPECT_THROW(vote(kA, other), std::invalid_argument);
    EXPECT_THROW(fuse(kA, other, 0.5, FusionRule::sum), std::invalid_argument);
    EXPECT_THROW(fusion_curve(other, kA, words, FusionRule::sum), std::invalid_argument);
  }
  for (const double weight : {-0.1, 1.1, std::nan("")})
    EXPECT_THROW(fuse(kA, kB, weight, FusionRule::sum), std::invalid_argument) << weight;
  EXPECT_THROW(fusion_curve(kA, kB, std::vector<int>{0}, FusionRule::sum), std::invalid_argument);
  EXPECT_THROW(fusion_curve(kA, kB, std::vector<int>{0, 1, 1, 3}, FusionRule::sum), std::invalid_argument);
  EXPECT_THROW(fusion_curve(kA, kB, words, FusionRule::sum, 0), std::invalid_argument);
  EXPECT_THROW(fusion_curve({{}, 3}, {{}, 3}, {}, FusionRule::sum), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::eval
