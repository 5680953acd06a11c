#include "eval/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

namespace avsr::eval {
namespace {

TEST(WilsonInterval, MatchesPublishedValues) {
  // Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611.
  const Interval a = wilson_interval(81, 263);
  EXPECT_NEAR(a.low, 0.2553, 1e-4);
  EXPECT_NEAR(a.high, 0.3662, 1e-4);
  const Interval b = wilson_interval(0, 20);
  EXPECT_DOUBLE_EQ(b.low, 0);
  EXPECT_NEAR(b.high, 0.1611, 1e-4);
  EXPECT_DOUBLE_EQ(wilson_interval(0, 0).high, 1);
}

TEST(PairedBootstrap, HoldsTheDifferenceAndIsFixedBySeed) {
  std::vector<uint8_t> a(400), b(400);
  for (size_t i = 0; i < a.size(); ++i) {
    a[i] = i % 10 < 8;  // 80 %
    b[i] = i % 10 < 5;  // 50 %, right only where a is right
  }
  const Interval interval = paired_bootstrap(a, b);
  EXPECT_LT(interval.low, 0.3);
  EXPECT_GT(interval.high, 0.3);
  EXPECT_NEAR(interval.high - interval.low, 2 * 1.96 * std::sqrt(0.3 * 0.7 / 400), 0.02);
  EXPECT_EQ(paired_bootstrap(a, b).low, interval.low);
  EXPECT_THROW(paired_bootstrap(a, std::vector<uint8_t>(3)), std::invalid_argument);
}

TEST(WordErrorRate, CountsEachKindOfEdit) {
  const WordErrors same = word_errors({"bin", "blue"}, {"bin", "blue"});
  EXPECT_EQ(same.errors(), 0);
  const WordErrors mixed =
      word_errors({"bin", "blue", "at", "f", "two", "now"}, {"bin", "red", "at", "two", "now", "please"});
  EXPECT_EQ(mixed.substitutions, 1);
  EXPECT_EQ(mixed.deletions, 1);
  EXPECT_EQ(mixed.insertions, 1);
  EXPECT_DOUBLE_EQ(mixed.rate(), 0.5);
  EXPECT_EQ(word_errors({}, {"a", "b"}).insertions, 2);
  EXPECT_DOUBLE_EQ(word_errors({}, {"a"}).rate(), 1);
  EXPECT_EQ(word_errors({"a"}, {}).deletions, 1);
}

}  // namespace
}  // namespace avsr::eval
