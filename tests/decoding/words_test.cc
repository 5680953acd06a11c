#include "decoding/words.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

namespace avsr::decoding {
namespace {

const Symbols kLetters = Symbols::of_characters(" abcé");
using Spans = std::vector<SymbolSpan>;

void expect_word(const TimedWord& word, const std::string& text, double start, double end, double confidence) {
  EXPECT_EQ(word.text, text);
  EXPECT_NEAR(word.start_seconds, start, 1e-12) << text;
  EXPECT_NEAR(word.end_seconds, end, 1e-12) << text;
  EXPECT_NEAR(word.confidence, confidence, 1e-6) << text;
}

TEST(Words, StandBetweenSeparators) {
  const Spans spans{{2, 3, 4, 0.5f},    {5, 6, 6, 1},   {1, 8, 9, 0.25f},
                    {3, 10, 10, 0.75f}, {1, 11, 11, 1}, {1, 13, 13, 1}};
  const auto words = words_of(spans, kLetters, 1, 20);
  ASSERT_EQ(words.size(), 2u);
  expect_word(words[0], "aé", 0.12, 0.28, 0.75);
  expect_word(words[1], "b", 0.4, 0.44, 0.75);
  EXPECT_TRUE(words_of({}, kLetters, 1, 20).empty());
  EXPECT_TRUE(words_of(Spans{{1, 0, 1, 1}}, kLetters, 1, 20).empty());
}

TEST(Words, WithoutSeparatorSymbolsAreWords) {
  const auto words =
      words_of(Spans{{2, 0, 0, 0.5f}, {1, 1, 2, 1}}, kLetters, std::nullopt, 3, {.seconds_per_step = 0.1});
  ASSERT_EQ(words.size(), 2u);
  expect_word(words[0], "a", 0, 0.1, 0.5);
  expect_word(words[1], " ", 0.1, 0.3, 1);
}

TEST(Words, AreShiftedWithinTheClip) {
  const Spans spans{{2, 1, 1, 1}, {1, 4, 4, 1}, {3, 5, 6, 1}, {1, 7, 7, 1}, {4, 9, 9, 1}};
  const WordTiming timing{
      .seconds_per_step = 0.1, .offset_seconds = 60, .start_shift_seconds = -0.25, .end_shift_seconds = 0.05};
  const auto words = words_of(spans, kLetters, 1, 10, timing);
  ASSERT_EQ(words.size(), 3u);
  expect_word(words[0], "a", 60, 60.25, 1);    // not before the clip
  expect_word(words[1], "b", 60.25, 60.7, 1);  // 0.5 - 0.25; 0.7 + 0.05 meets 0.9 - 0.25 at 0.7
  expect_word(words[2], "c", 60.7, 61, 1);     // not behind its end
}

TEST(Words, NeverEndBeforeTheyStart) {
  const Spans spans{{2, 1, 1, 1}, {1, 2, 2, 1}, {3, 3, 3, 1}, {1, 4, 4, 1}, {4, 5, 5, 1}};
  for (const double start : {-9.0, -0.3, 0.0, 0.3, 9.0})
    for (const double end : {-9.0, -0.3, 0.0, 0.3, 9.0}) {
      const auto words = words_of(spans, kLetters, 1, 6, {0.1, 0, start, end});
      double before = 0;
      for (const TimedWord& word : words) {
        EXPECT_GE(word.start_seconds, before) << start << " " << end;
        EXPECT_GE(word.end_seconds, word.start_seconds) << start << " " << end;
        EXPECT_LE(word.end_seconds, 0.6 + 1e-12) << start << " " << end;
        before = word.end_seconds;
      }
    }
}

TEST(Words, RefuseWhatDoesNotFit) {
  const auto refused = [](const Spans& spans, const WordTiming& timing = {}) {
    EXPECT_THROW(words_of(spans, kLetters, 1, 10, timing), std::invalid_argument);
  };
  EXPECT_NO_THROW(words_of(Spans{{2, 0, 4, 1}, {3, 5, 9, 1}}, kLetters, 1, 10));
  refused({{2, 0, 10, 1}});
  refused({{2, -1, 3, 1}});
  refused({{2, 4, 3, 1}});
  refused({{2, 0, 4, 1}, {3, 4, 9, 1}});
  refused({{0, 0, 4, 1}});
  refused({{6, 0, 4, 1}});
  refused({}, {.seconds_per_step = 0});
  refused({}, {.seconds_per_step = std::nan("")});
  refused({}, {.offset_seconds = std::nan("")});
  refused({}, {.start_shift_seconds = INFINITY});
}

}  // namespace
}  // namespace avsr::decoding
