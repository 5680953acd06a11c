#include "eval/metrics.h"

#include <gtest/gtest.h>

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

TEST(Median, IsTheMiddleValue) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(median({}), std::nullopt);
}

}  // namespace
}  // namespace avsr::eval
