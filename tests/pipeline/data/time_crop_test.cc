#include "pipeline/data/time_crop.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace avsr::pipeline {
namespace {

using preprocessing::Random;

TEST(TimeCrop, HoldsTheWordAndReachesEveryPlaceAroundIt) {
  const WordSpan word{10.4, 17.2};
  int earliest = 29, latest = 0, shortest_end = 29, longest_end = 0;
  for (uint64_t i = 0; i < 3000; ++i) {
    const TimeCrop crop = draw_time_crop(word, 29, 1, Random(i));
    const int end = crop.first + crop.frames;
    ASSERT_LE(crop.first, 10);
    ASSERT_GE(end, 18);
    ASSERT_GE(crop.first, 0);
    ASSERT_LE(end, 29);
    earliest = std::min(earliest, crop.first);
    latest = std::max(latest, crop.first);
    shortest_end = std::min(shortest_end, end);
    longest_end = std::max(longest_end, end);
  }
  EXPECT_EQ(earliest, 0);
  EXPECT_EQ(latest, 10);
  EXPECT_EQ(shortest_end, 18);
  EXPECT_EQ(longest_end, 29);
}

TEST(TimeCrop, IsNeverTooShortForTheNetwork) {
  for (uint64_t i = 0; i < 300; ++i) {
    const TimeCrop crop = draw_time_crop({14.5, 14.5}, 29, 23, Random(i));
    ASSERT_GE(crop.frames, 23);
    ASSERT_GE(crop.first, 0);
    ASSERT_LE(crop.first + crop.frames, 29);
    ASSERT_EQ(draw_time_crop({3, 4}, 10, 23, Random(i)).frames, 10);  // no more than there are
  }
}

TEST(TimeCrop, WordsBeyondTheExampleReachItsEnd) {
  for (uint64_t i = 0; i < 300; ++i) {
    const TimeCrop crop = draw_time_crop({-3, 33}, 29, 1, Random(i));
    ASSERT_EQ(crop.first, 0);
    ASSERT_EQ(crop.frames, 29);
  }
  EXPECT_FALSE((WordSpan{2.6, 4.4}.holds(2)));
  EXPECT_TRUE((WordSpan{2.4, 4.4}.holds(2)));
  EXPECT_TRUE((WordSpan{2.6, 4.6}.holds(4)));
  EXPECT_FALSE((WordSpan{3.5, 3.5}.holds(3)));
}

}  // namespace
}  // namespace avsr::pipeline
