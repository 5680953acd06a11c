#include "decoding/alignment.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/decoding/clips.h"

namespace avsr::decoding {
namespace {

using Labels = std::vector<int>;

// The path that the spans stand for.
std::vector<int> path_of(const Alignment& alignment, int steps, int blank) {
  std::vector<int> path(static_cast<size_t>(steps), blank);
  for (const SymbolSpan& span : alignment.symbols)
    for (int t = span.first_step; t <= span.last_step; ++t) path.at(static_cast<size_t>(t)) = span.symbol;
  return path;
}

TEST(Alignment, IsTheBestOfAllPaths) {
  for (const int blank : {0, 2}) {
    const OwnClip clip = made_up_clip(static_cast<unsigned>(blank) + 5, 6, 4);
    for (const auto& [labels, reading] : all_readings(clip, blank)) {
      const auto alignment = align(clip, labels, blank);
      ASSERT_TRUE(alignment);
      ASSERT_EQ(alignment->symbols.size(), labels.size());
      EXPECT_NEAR(alignment->log_probability, std::log(reading.best_path), 1e-5);
      EXPECT_EQ(path_of(*alignment, 6, blank), reading.path);
    }
  }
}

TEST(Alignment, SaysWhenAndHowSurely) {
  const OwnClip clip =
      clip_of({{0.9f, 0.1f, 0}, {0.2f, 0.8f, 0}, {0.4f, 0.6f, 0}, {1, 0, 0}, {0, 0.5f, 0.5f}, {0, 0, 1}});
  const auto alignment = align(clip, Labels{1, 2});
  ASSERT_TRUE(alignment);
  ASSERT_EQ(alignment->symbols.size(), 2u);
  EXPECT_EQ(alignment->symbols[0].symbol, 1);
  EXPECT_EQ(alignment->symbols[0].first_step, 1);
  EXPECT_EQ(alignment->symbols[0].last_step, 2);
  EXPECT_NEAR(alignment->symbols[0].confidence, 0.7, 1e-6);
  EXPECT_EQ(alignment->symbols[1].first_step, 4);
  EXPECT_EQ(alignment->symbols[1].last_step, 5);
  EXPECT_NEAR(alignment->symbols[1].confidence, 0.75, 1e-6);
  EXPECT_NEAR(alignment->log_probability, std::log(0.9 * 0.8 * 0.6 * 0.5), 1e-6);
}

TEST(Alignment, EqualNeighboursHaveABlankBetween) {
  const OwnClip clip = clip_of({{0.1f, 0.9f}, {0.1f, 0.9f}, {0.1f, 0.9f}, {0.1f, 0.9f}});
  const auto alignment = align(clip, Labels{1, 1});
  ASSERT_TRUE(alignment);
  EXPECT_EQ(alignment->symbols[1].first_step, alignment->symbols[0].last_step + 2);
  EXPECT_NEAR(alignment->log_probability, std::log(0.1 * 0.9 * 0.9 * 0.9), 1e-6);
  EXPECT_TRUE(align(clip, Labels{})->symbols.empty());
  EXPECT_FALSE(align(clip, Labels{1, 1, 1}));  // five steps
}

TEST(Alignment, NoneWithoutAPath) {
  const OwnClip clip = clip_of({{1, 0, 0}, {0, 0.5f, 0.5f}});
  EXPECT_TRUE(align(clip, Labels{2}));
  EXPECT_FALSE(align(clip, Labels{}));  // the second step is no blank
  EXPECT_FALSE(align(clip, Labels{1, 2}));
  EXPECT_FALSE(align({{}, 3}, Labels{1}));
  EXPECT_TRUE(align({{}, 3}, Labels{}));
}

TEST(Alignment, RefusesWhatDoesNotFit) {
  const OwnClip clip = made_up_clip(1, 4, 3);
  for (const Labels& labels : {Labels{0}, Labels{3}, Labels{-1}})
    EXPECT_THROW(align(clip, labels), std::invalid_argument);
  EXPECT_THROW(align(clip, Labels{1}, 3), std::invalid_argument);
  EXPECT_THROW(align(clip, Labels{1}, 1), std::invalid_argument);
  EXPECT_THROW(align({clip.values, 5}, Labels{1}), std::invalid_argument);
  EXPECT_THROW(align({clip.values, 1}, Labels{}), std::invalid_argument);
  std::vector<float> odd = clip.values;
  for (const float value : {std::nanf(""), 2.5f}) {  // logits were given, say
    odd[4] = value;
    EXPECT_THROW(align({odd, 3}, Labels{1}), std::invalid_argument) << value;
  }
  std::fill(odd.begin(), odd.end(), -std::numeric_limits<float>::infinity());
  EXPECT_THROW(align({odd, 3}, Labels{1}), std::invalid_argument);
}

TEST(LogSoftmax, IsOneOfProbabilities) {
  const std::vector<float> logits{1, 2, 3, 1000, 1000, -1000}, odd{1, std::nanf(""), 0};
  const std::vector<float> result = log_softmax(logits, 3);
  EXPECT_NEAR(result[0], -2.4076059644, 1e-6);
  EXPECT_NEAR(result[2], -0.4076059644, 1e-6);
  EXPECT_NEAR(result[4], -std::log(2), 1e-6);
  EXPECT_NEAR(result[5], -2000 - std::log(2), 1e-3);
  EXPECT_THROW(log_softmax(odd, 3), std::invalid_argument);
  EXPECT_THROW(log_softmax(logits, 4), std::invalid_argument);
  EXPECT_NEAR(log_add(std::log(0.25), std::log(0.5)), std::log(0.75), 1e-15);
  EXPECT_EQ(log_add(kLogZero, -3), -3);
  EXPECT_EQ(log_add(kLogZero, kLogZero), kLogZero);
}

}  // namespace
}  // namespace avsr::decoding
