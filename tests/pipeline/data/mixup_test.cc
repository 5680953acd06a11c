#include "pipeline/data/mixup.h"

#include <gtest/gtest.h>

#include <cmath>

#include "pipeline/device.h"
#include "pipeline/training/scorer.h"

namespace avsr::pipeline {
namespace {

using preprocessing::Random;

// Beta(a, a) has the variance 1 / (4 (2 a + 1)); of max(l, 1 - l) it is the mean square about a half.
TEST(Mixup, SharesFollowTheBetaDistribution) {
  constexpr int kCount = 20000;
  for (const double alpha : {0.2, 0.4, 1.0}) {
    double squares = 0;
    for (uint64_t i = 0; i < kCount; ++i) {
      const float share = draw_share(alpha, Random(i));
      ASSERT_GE(share, 0.5f);
      ASSERT_LE(share, 1.0f);
      squares += std::pow(share - 0.5, 2);
    }
    EXPECT_NEAR(squares / kCount, 1 / (4 * (2 * alpha + 1)), 0.002) << alpha;
  }
  EXPECT_EQ(draw_share(0.3, Random(7)), draw_share(0.3, Random(7)));
  EXPECT_GE(draw_share(0.001, Random(7)), 0.5f);
}

TEST(Mixup, MixesWhatTheNetworkSees) {
  HostBatch batch;
  batch.clips = 2;
  batch.steps = 4;
  batch.frames = {4, 2};
  batch.labels = {0, 2};
  batch.video = {0, 100, 200, 51, /* clip 1 */ 40, 60, 0, 0};  // one pixel a frame
  batch.audio = batch.video_features = {1, 2, 3, 4, /* clip 1 */ 10, 20, 0, 0};
  batch.word_boundary = {0, 1, 1, 0, 1, 1, 0, 0};
  mix({{1, 0.75f}, {0, 0.5f}}, batch);
  // The middles lie on each other: clip 1's frames 0 and 1 on clip 0's 1 and 2.
  EXPECT_EQ(batch.video, (std::vector<uint8_t>{0, 85, 165, 51, 70, 130, 0, 0}));
  EXPECT_EQ(batch.audio, (std::vector<float>{1, 4, 7.25f, 4, 6, 11.5f, 0, 0}));
  EXPECT_EQ(batch.video_features, batch.audio);
  EXPECT_EQ(batch.word_boundary, (std::vector<float>{0, 1, 1, 0, 1, 1, 0, 0}));
  EXPECT_EQ(batch.labels, (std::vector<int>{0, 2}));
  EXPECT_EQ(batch.second_labels, (std::vector<int>{2, 0}));
  EXPECT_EQ(batch.own_share, (std::vector<float>{0.75f, 0.5f}));
}

TEST(Mixup, LossIsThatOfBothLabelsAndAccuracyOfTheLarger) {
  const auto backend = open_device({"cpu", 1});
  const std::unique_ptr<Scorer> scorer = make_scorer(*backend, {}, 3);
  const std::vector<float> logits{2, 1, 0, 0, 1, 3};
  const backend::Tensor x = backend->from_values({2, 1, 3}, logits);
  const auto loss = [&](size_t clip, size_t label) {
    double sum = 0;
    for (size_t v = 0; v < 3; ++v) sum += std::exp(logits[clip * 3 + v]);
    return std::log(sum) - logits[clip * 3 + label];
  };
  HostBatch batch;
  batch.labels = {0, 1};
  EXPECT_NEAR(scorer->score(x, {1, 1}, batch).loss_sum, loss(0, 0) + loss(1, 1), 1e-5);
  batch.second_labels = {1, 2};
  batch.own_share = {0.75f, 0.5f};
  const Score mixed = scorer->score(x, {1, 1}, batch);
  EXPECT_NEAR(mixed.loss_sum, 0.75 * loss(0, 0) + 0.25 * loss(0, 1) + 0.5 * (loss(1, 1) + loss(1, 2)), 1e-5);
  EXPECT_EQ(mixed.correct, 1);
}

}  // namespace
}  // namespace avsr::pipeline
