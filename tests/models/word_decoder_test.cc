#include "models/word_decoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

namespace avsr::models {
namespace {

// A window in which `label` has probability p and the rest is shared by the others.
std::vector<float> window(int labels, int label, float p) {
  std::vector<float> row(labels, (1 - p) / static_cast<float>(labels - 1));
  row[label] = p;
  return row;
}

void append(std::vector<float>& to, const std::vector<float>& row, int times) {
  for (int i = 0; i < times; ++i) to.insert(to.end(), row.begin(), row.end());
}

// All windows at once: rows of `labels` values.
std::vector<WordEvent> decode_words(std::span<const float> rows, int labels, int background,
                                    const WordDecoding& decoding) {
  WordDecoder decoder(labels, background, decoding);
  for (size_t at = 0; at < rows.size(); at += static_cast<size_t>(labels))
    decoder.push(rows.subspan(at, static_cast<size_t>(labels)));
  decoder.finish();
  return decoder.take();
}

TEST(WordDecoder, FindsWordsInOrderWithTheirWindows) {
  std::vector<float> p;
  append(p, window(4, 2, 0.9f), 5);
  append(p, window(4, 0, 0.8f), 3);
  const auto events = decode_words(p, 4, -1, {});
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].label, 2);
  EXPECT_EQ(events[0].first_window, 0);
  EXPECT_EQ(events[0].last_window, 4);
  EXPECT_NEAR(events[0].confidence, 0.9, 1e-6);
  EXPECT_EQ(events[1].label, 0);
  EXPECT_EQ(events[1].last_window, 7);
}

TEST(WordDecoder, BridgesOneDoubtfulWindow) {
  std::vector<float> p;
  append(p, window(4, 2, 0.9f), 4);
  append(p, window(4, 1, 0.5f), 1);
  append(p, window(4, 2, 0.9f), 4);
  const auto events = decode_words(p, 4, -1, {.switch_cost = 3});
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].last_window, 8);
}

TEST(WordDecoder, SaysUnknownWhereNoWordIsSure) {
  std::vector<float> p;
  append(p, window(10, 3, 0.15f), 6);
  append(p, window(10, 4, 0.95f), 6);
  const auto events = decode_words(p, 10, -1, {.unknown_below = 0.4f});
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].label, kUnknown);
  EXPECT_NEAR(events[0].confidence, 0.15, 1e-6);
  EXPECT_EQ(events[1].label, 4);
}

TEST(WordDecoder, BackgroundAndMissingInputGiveNoWord) {
  std::vector<float> p;
  append(p, window(4, 3, 0.97f), 6);  // background
  append(p, window(4, 1, 0.9f), 4);
  append(p, std::vector<float>(4, 0), 5);  // no input
  append(p, window(4, 1, 0.9f), 4);
  const auto events = decode_words(p, 4, 3, {});
  ASSERT_EQ(events.size(), 2u);  // the gap parts two occurrences of one word
  EXPECT_EQ(events[0].label, 1);
  EXPECT_EQ(events[0].first_window, 6);
  EXPECT_EQ(events[0].last_window, 9);
  EXPECT_EQ(events[1].first_window, 15);
}

// Exhaustive search over all label sequences of a small problem finds nothing better than the trellis.
TEST(WordDecoder, PathIsTheBestOfAll) {
  const int labels = 3, windows = 6;
  const WordDecoding decoding{.unknown_below = 0.35f, .switch_cost = 1.3f, .fewest_windows = 1};
  uint32_t state = 7;
  for (int trial = 0; trial < 20; ++trial) {
    std::vector<float> p;
    for (int w = 0; w < windows; ++w) {
      float row[3], sum = 0;
      for (float& v : row) {
        state = state * 1664525u + 1013904223u;
        sum += v = static_cast<float>(state >> 8) / (1 << 24) + 0.01f;
      }
      for (const float v : row) p.push_back(v / sum);
    }
    const auto score = [&](const std::vector<int>& path) {
      double s = 0;
      for (int w = 0; w < windows; ++w) {
        s += std::log(path[w] == labels ? decoding.unknown_below : p[w * labels + path[w]]);
        if (w > 0 && path[w] != path[w - 1]) s -= decoding.switch_cost;
      }
      return s;
    };
    double best = -std::numeric_limits<double>::infinity();
    for (int code = 0; code < 4096; ++code) {  // 4 states ^ 6 windows
      std::vector<int> path(windows);
      for (int w = 0, rest = code; w < windows; ++w, rest /= 4) path[w] = rest % 4;
      best = std::max(best, score(path));
    }
    std::vector<int> found(windows, labels);
    for (const WordEvent& event : decode_words(p, labels, -1, decoding))
      for (int w = event.first_window; w <= event.last_window; ++w)
        found[w] = event.label == kUnknown ? labels : event.label;
    EXPECT_NEAR(score(found), best, 1e-4);
  }
}

// An hour's windows: words are told soon after they were said, the same as all at once, and their numbers go on.
TEST(WordDecoder, TellsWordsWhileTheRecordingRuns) {
  const int labels = 5;
  WordDecoder decoder(labels, -1, {});
  std::vector<WordEvent> found;
  std::vector<float> all;
  uint32_t state = 3;
  for (int word = 0; word < 9000; ++word) {
    state = state * 1664525u + 1013904223u;
    const auto row = window(labels, static_cast<int>(state >> 16) % labels, 0.5f + 0.1f * static_cast<float>(word % 5));
    for (int w = 0; w < 5; ++w) decoder.push(row);
    append(all, row, 5);
    for (WordEvent& event : decoder.take()) found.push_back(std::move(event));
    ASSERT_GE(found.empty() ? 0 : found.back().last_window, 5 * word - 100);
  }
  decoder.finish();
  for (WordEvent& event : decoder.take()) found.push_back(std::move(event));
  const auto at_once = decode_words(all, labels, -1, {});
  ASSERT_EQ(found.size(), at_once.size());
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].label, at_once[i].label);
    EXPECT_EQ(found[i].last_window, at_once[i].last_window);
  }
  EXPECT_EQ(found.back().last_window, 44999);
}

// Two labels that stay equally likely for ever: the answer is one of them, and nothing piles up.
TEST(WordDecoder, DecidesWhatNeverIsDecided) {
  WordDecoder decoder(3, -1, {.unknown_below = 0.1f});
  const int64_t windows = 3 * WordDecoder::kMostUndecided;
  for (int64_t w = 0; w < windows; ++w) decoder.push(std::vector<float>{0.45f, 0.45f, 0.1f});
  decoder.finish();
  const auto events = decoder.take();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].first_window, 0);
  EXPECT_EQ(events[0].last_window, windows - 1);
  EXPECT_NEAR(events[0].mean.at(1), 0.45, 1e-6);
}

TEST(WordDecoder, ABoundaryIsWhereTheProbabilitiesCross) {
  std::vector<float> p;
  append(p, {0.9f, 0.1f}, 4);
  append(p, {0.6f, 0.4f}, 1);  // nearer to the second word than to the first, but still the first
  append(p, {0.1f, 0.9f}, 4);
  const auto events = decode_words(p, 2, -1, {.switch_cost = 1});
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].start, -0.5);
  const double at = std::log(0.6 / 0.4) / (std::log(0.6 / 0.4) + std::log(0.9 / 0.1));
  EXPECT_NEAR(events[0].end, 4 + at, 1e-6);
  EXPECT_EQ(events[1].start, events[0].end);
  EXPECT_EQ(events[1].end, 8.5);
  append(p, {0, 0}, 3);  // beside a window without input it is half-way
  EXPECT_EQ(decode_words(p, 2, -1, {}).back().end, 8.5);
}

TEST(WordDecoder, RefusesNonsense) {
  EXPECT_THROW(WordDecoder(2, -1, {}).push(std::vector<float>{0.1f, 0.2f, 0.7f}), std::invalid_argument);
  EXPECT_THROW(WordDecoder(2, 2, {}), std::invalid_argument);
  EXPECT_THROW(decode_words({}, 3, -1, {.unknown_below = 0}), std::invalid_argument);
  EXPECT_TRUE(decode_words({}, 3, -1, {}).empty());
}

}  // namespace
}  // namespace avsr::models
