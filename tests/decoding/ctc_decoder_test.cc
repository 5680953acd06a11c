#include "decoding/ctc_decoder.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <stdexcept>

#include "decoding/ctc.h"
#include "tests/decoding/clips.h"
#include "tests/small_files.h"

namespace avsr::decoding {
namespace {

using Labels = std::vector<int>;

constexpr int kAllTexts = 5000;  // a beam that holds everything in these clips

std::vector<std::pair<Labels, double>> by_probability(const LogProbabilities& clip, int blank) {
  std::vector<std::pair<Labels, double>> ranked;
  for (const auto& [labels, reading] : all_readings(clip, blank))
    ranked.emplace_back(labels, std::log(reading.probability));
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return ranked;
}

TEST(Greedy, TakesTheBestSymbolOfEachStep) {
  // TensorFlow's example, its blank last.
  const OwnClip clip = clip_of({{1, 0, 0, 0}, {0, 0, 0.4f, 0.6f}, {0, 0, 0.4f, 0.6f}, {0, 0.9f, 0.1f, 0}});
  const Hypothesis best = greedy(clip, 3);
  EXPECT_EQ(labels_of(best.symbols), (Labels{0, 1}));
  EXPECT_NEAR(best.score, std::log(0.6 * 0.6 * 0.9), 1e-6);
  EXPECT_EQ(best.acoustic, best.score);
  const OwnClip other =
      clip_of({{0.1f, 0.9f, 0, 0}, {0, 0.9f, 0.1f, 0}, {0, 0, 0.1f, 0.9f}, {0, 0.9f, 0.1f, 0}, {0.9f, 0.1f, 0, 0}});
  EXPECT_EQ(labels_of(greedy(other, 3).symbols), (Labels{1, 1, 0}));
}

TEST(Greedy, IsTheAlignmentOfItsOwnText) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    const OwnClip clip = made_up_clip(seed, 30, 5, 3);
    const Hypothesis best = greedy(clip);
    const auto alignment = align(clip, labels_of(best.symbols));
    ASSERT_TRUE(alignment);
    EXPECT_NEAR(alignment->log_probability, best.score, 1e-4);
    ASSERT_EQ(alignment->symbols.size(), best.symbols.size());
    for (size_t i = 0; i < best.symbols.size(); ++i) {
      EXPECT_EQ(alignment->symbols[i].first_step, best.symbols[i].first_step);
      EXPECT_EQ(alignment->symbols[i].last_step, best.symbols[i].last_step);
      EXPECT_NEAR(alignment->symbols[i].confidence, best.symbols[i].confidence, 1e-6);
    }
  }
  EXPECT_TRUE(greedy({{}, 3}).symbols.empty());
}

TEST(BeamSearch, SumsThePathsOfAText) {
  // The best path is blank, blank (0.36); but "1" has three paths (0.64 together).
  const OwnClip clip = clip_of({{0.6f, 0.4f}, {0.6f, 0.4f}});
  EXPECT_TRUE(greedy(clip).symbols.empty());
  const auto found = beam_search(clip, {.n_best = 2});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(labels_of(found[0].symbols), Labels{1});
  EXPECT_NEAR(found[0].score, std::log(0.64), 1e-6);
  EXPECT_NEAR(found[1].score, std::log(0.36), 1e-6);
  EXPECT_EQ(found[0].acoustic, found[0].score);
  EXPECT_EQ(found[0].language, 0);
}

TEST(BeamSearch, WithRoomForAllIsExact) {
  for (const auto& [seed, steps, symbols, blank] : std::vector<std::array<int, 4>>{
           {1, 1, 3, 0}, {2, 6, 3, 0}, {3, 5, 4, 0}, {4, 6, 3, 2}, {5, 5, 4, 1}, {6, 5, 5, 0}}) {
    const OwnClip clip = made_up_clip(static_cast<unsigned>(seed), steps, symbols);
    const auto exact = by_probability(clip, blank);
    const auto found = beam_search(clip, {.beam = kAllTexts, .n_best = kAllTexts, .blank = blank});
    ASSERT_EQ(found.size(), exact.size());
    for (size_t i = 0; i < exact.size(); ++i) {
      EXPECT_NEAR(found[i].score, exact[i].second, 1e-9);
      const bool tie = (i > 0 && exact[i - 1].second - exact[i].second < 1e-9) ||
                       (i + 1 < exact.size() && exact[i].second - exact[i + 1].second < 1e-9);
      if (!tie) {
        EXPECT_EQ(labels_of(found[i].symbols), exact[i].first);
      }
    }
  }
}

// Two best texts of TensorFlow's example, with a beam of two.
TEST(BeamSearch, IsThatOfAPublishedExample) {
  const std::vector<float> logits{0.30999f,  0.309938f, 0.0679938f, 0.0673362f, 0.0708352f, 0.173908f,
                                  0.215136f, 0.439699f, 0.0370931f, 0.0393967f, 0.0381581f, 0.230517f,
                                  0.199959f, 0.489485f, 0.0233221f, 0.0251417f, 0.0233289f, 0.238763f,
                                  0.279611f, 0.452966f, 0.0204795f, 0.0209126f, 0.0194803f, 0.20655f,
                                  0.51286f,  0.288951f, 0.0243026f, 0.0220788f, 0.0219297f, 0.129878f};
  const auto found = beam_search({log_softmax(logits, 6), 6}, {.beam = 2, .n_best = 2, .blank = 5});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(labels_of(found[0].symbols), (Labels{1, 0}));
  EXPECT_EQ(labels_of(found[1].symbols), Labels{1});
  EXPECT_NEAR(found[0].score, -5.811451, 1e-6);
  EXPECT_NEAR(found[1].score, -6.63339, 1e-5);
}

TEST(BeamSearch, NarrowBeamsLoseButNeverCountTwice) {
  double gain = 0;
  for (unsigned seed = 0; seed < 10; ++seed) {
    const OwnClip clip = made_up_clip(seed, 40, 6, 1.5);
    double last = kLogZero;
    for (const int beam : {1, 4, 16, 64}) {
      const auto found = beam_search(clip, {.beam = beam, .n_best = beam});
      ASSERT_EQ(found.size(), static_cast<size_t>(beam));
      std::set<Labels> texts;
      for (size_t i = 0; i < found.size(); ++i) {
        const Labels labels = labels_of(found[i].symbols);
        EXPECT_TRUE(texts.insert(labels).second);
        EXPECT_LE(found[i].acoustic, -ctc_loss(clip.values, 6, labels, 0) + 1e-5);
        EXPECT_LE(found[i].score, found[std::max<size_t>(i, 1) - 1].score);
      }
      gain += beam == 1 ? 0 : found[0].score - last;
      last = found[0].score;
    }
    EXPECT_GE(last, greedy(clip).score);
  }
  EXPECT_GT(gain, 0);
}

// A text that leaves the beam while a longer one stays, and comes back, is still the beginning of the longer one.
TEST(BeamSearch, TextsThatComeBackAreNoNewOnes) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    const OwnClip clip = made_up_clip(seed, 12, 3, 3);
    for (const int beam : {2, 3, 5}) {
      std::set<Labels> texts;
      for (const Hypothesis& found : beam_search(clip, {.beam = beam, .n_best = beam}))
        EXPECT_TRUE(texts.insert(labels_of(found.symbols)).second) << "seed " << seed << ", beam " << beam;
    }
  }
}

TEST(BeamSearch, SpansAreThoseOfTheAlignment) {
  const OwnClip clip = made_up_clip(9, 25, 5, 3);
  for (const Hypothesis& found : beam_search(clip, {.n_best = 8})) {
    const auto alignment = align(clip, labels_of(found.symbols));
    ASSERT_TRUE(alignment);
    for (size_t i = 0; i < found.symbols.size(); ++i) {
      EXPECT_EQ(found.symbols[i].first_step, alignment->symbols[i].first_step);
      EXPECT_EQ(found.symbols[i].last_step, alignment->symbols[i].last_step);
      EXPECT_EQ(found.symbols[i].confidence, alignment->symbols[i].confidence);
    }
  }
}

TEST(BeamSearch, IsTheSameEachTime) {
  // Two symbols are always equally probable: ties wherever one looks.
  std::vector<float> logits(60 * 4);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>((i / 2 * 7) % 5) / 2;
  const std::vector<float> values = log_softmax(logits, 4);
  const auto first = beam_search({values, 4}, {.n_best = 16}), second = beam_search({values, 4}, {.n_best = 16});
  ASSERT_EQ(first.size(), second.size());
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(labels_of(first[i].symbols), labels_of(second[i].symbols));
    EXPECT_EQ(first[i].score, second[i].score);
  }
}

TEST(BeamSearch, OfNoSteps) {
  const auto found = beam_search({{}, 3}, {.n_best = 3});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].symbols.empty());
  EXPECT_EQ(found[0].score, 0);
}

TEST(BeamSearch, OfCertainties) {
  const OwnClip clip = clip_of({{0, 1, 0}, {0, 1, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}});
  const auto found = beam_search(clip, {.n_best = 16});
  ASSERT_EQ(found.size(), 1u);  // nothing else has a probability above 0
  EXPECT_EQ(labels_of(found[0].symbols), (Labels{1, 1, 2}));
  EXPECT_EQ(found[0].score, 0);
}

TEST(BeamSearch, RefusesWhatDoesNotFit) {
  const OwnClip clip = made_up_clip(1, 3, 4);
  const auto refused = [&](const BeamSearch& settings) {
    EXPECT_THROW(beam_search(clip, settings), std::invalid_argument);
  };
  EXPECT_NO_THROW(beam_search(clip, {}));
  refused({.beam = 0});
  refused({.beam = -1});
  refused({.n_best = 0});
  refused({.beam = 4, .n_best = 5});
  refused({.blank = 4});
  refused({.blank = -1});
  refused({.language_weight = -1});
  refused({.language_weight = std::nan("")});
  refused({.language_weight = std::numeric_limits<double>::infinity()});
  refused({.insertion_bonus = std::nan("")});
  OwnClip odd = clip;
  odd.values[5] = std::nanf("");
  EXPECT_THROW(beam_search(odd, {}), std::invalid_argument);
  EXPECT_THROW(greedy(odd), std::invalid_argument);
  odd.values[5] = 3;
  EXPECT_EQ(tests::failure_of([&] { beam_search(odd, {}); }),
            "[beam search] expected logarithms of probabilities (log softmax of the logits), got 3 at step 1");
  EXPECT_THROW(beam_search({clip.values, 5}, {}), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::decoding
