// Hand-made features from clips to answers: batches, a whole training, evaluation, sliding windows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "models/model_file.h"
#include "pipeline/device.h"
#include "pipeline/evaluation/evaluate.h"
#include "pipeline/recognition/word_sequence.h"
#include "pipeline/training/dry_run.h"
#include "pipeline/training/schedule.h"
#include "preprocessing/augment.h"
#include "tests/pipeline/small_corpus.h"

namespace avsr::pipeline {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr int kCoefficients = 10, kDct = 3 * kCoefficients, kMfcc = 39;

Recipe rivals() {
  return parse_recipe(R"(name: rivals
network:
  video: {input: dct, dct_coefficients: 10}
  audio: {input: mfcc}
  recurrent: {layers: 1, hidden: 8}
  fusion: {layers: 1, hidden: 8}
data:
  crop: 20
  size: 16
  augment: {mixup: 0.2}
  noise: {levels_db: [10, 0]}
stages:
  - &mfcc {name: mfcc, streams: audio, train: [audio], rate: 1.0e-2, decay: constant, batch: 6, epochs: 1}
  - {<<: *mfcc, name: hand-made, streams: audiovisual, back_end: none, train: [fusion], epochs: 12}
)",
                      "rivals.yaml");
}

class HandMade : public testing::Test {
 protected:
  HandMade() : backend_(open_device({"cpu", 1})) {
    write_small_corpus(folder_ / "data", true);
    rule_.geometry = {20, 16};
  }
  static models::NetworkConfig config() { return network_of(rivals(), rivals().stages[1], 2); }

  TemporaryFolder folder_;
  std::unique_ptr<backend::Backend> backend_;
  InputRule rule_;
};

TEST_F(HandMade, BatchesHoldTheFeaturesOfEachClipNormalised) {
  const auto dataset = Dataset::open(folder_ / "data", "test", {});
  const Stretch whole = cut_stretch(*dataset->clip(0), 0, kSmallFrames), part = cut_stretch(*dataset->clip(1), 3, 7);
  const BatchWriter writer(rule_, config());
  HostBatch batch;
  writer.begin({7, kSmallFrames}, batch);
  const auto write = [&](int b, const Stretch& stretch) {
    writer.write(b, preprocessing::centre_crop(rule_.geometry, stretch.mouth), stretch.audio, batch);
  };
  write(0, part);
  write(1, whole);
  EXPECT_TRUE(batch.video.empty()) << "nobody reads pixels";
  EXPECT_THAT(batch.samples, ElementsAre(4 * 7, 4 * kSmallFrames));
  ASSERT_EQ(batch.audio.size(), size_t{2} * 4 * kSmallFrames * kMfcc);
  ASSERT_EQ(batch.video_features.size(), size_t{2} * kSmallFrames * kDct);

  const preprocessing::DctFeatures dct(kCoefficients, 16);
  preprocessing::Features expected = dct.compute(preprocessing::centre_crop(rule_.geometry, part.mouth));
  preprocessing::z_normalise_columns(expected);
  const auto first = batch.video_features.begin();
  EXPECT_EQ(std::vector<float>(first, first + 7 * kDct), expected.values);
  EXPECT_THAT(std::vector<float>(first + 7 * kDct, first + kSmallFrames * kDct), Each(0.f));
  expected = dct.compute(preprocessing::centre_crop(rule_.geometry, whole.mouth));
  preprocessing::z_normalise_columns(expected);
  EXPECT_EQ(std::vector<float>(first + kSmallFrames * kDct, batch.video_features.end()), expected.values);
  EXPECT_THAT([&] { writer.write(0, whole.mouth, whole.audio, batch); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("(7, 16, 16)")));
}

TEST_F(HandMade, StagesArePlanned) {
  const auto plans = plan_stages(*backend_, rivals(), {.training = 24, .validation = 8, .labels = 2, .frames = 29}, {});
  EXPECT_THAT(plans.at(1).trained, ElementsAre("fusion"));
  EXPECT_TRUE(plans.at(1).frozen.empty());
  // Two directions of four gates, each with two biases; and the head.
  const int64_t inputs = kDct + 4 * kMfcc, blstm = 2 * 4 * 8 * (inputs + 8 + 2), head = 2 * 8 * 2 + 2;
  EXPECT_EQ(plans.at(1).parameters, blstm + head);
  EXPECT_THAT(text_of(plans.at(1)), HasSubstr("audiovisual, none"));
}

TEST_F(HandMade, RivalsAreTrainedEvaluatedAndTranscribe) {
  RunSettings run;
  run.recipe = rivals();
  run.data = folder_ / "data";
  run.out = folder_ / "run";
  run.workers = 1;
  ASSERT_TRUE(run_schedule(*backend_, run));
  std::vector<std::unique_ptr<Recognizer>> models;
  for (const char* name : {"run/audio.safetensors", "run/audiovisual.safetensors"})
    models.push_back(std::make_unique<Recognizer>(*backend_, folder_ / name));
  EXPECT_EQ(models[0]->config().audio.input, models::AudioConfig::Input::mfcc);
  EXPECT_EQ(models[1]->config().video.input, models::VideoConfig::Input::dct);
  EXPECT_EQ(models[1]->config().video.dct_coefficients, kCoefficients);
  EXPECT_EQ(models[1]->config().back_end, models::BackEnd::none);

  EvaluationSettings settings;
  settings.data = folder_ / "data";
  settings.levels_db = {std::nullopt, 0};
  settings.workers = 1;
  const Evaluation evaluation = evaluate(models, settings, {});
  ASSERT_EQ(evaluation.rows.size(), 4u);
  for (const EvaluationRow& row : evaluation.rows) EXPECT_EQ(row.clips(), 8);
  // The bar's way is in the derivatives; a constant tone is nothing, once each coefficient has its clip's mean taken.
  const EvaluationRow& joined = evaluation.rows[2];
  EXPECT_GE(joined.correct(evaluation.words), 7);

  // A recording's windows are normalised as test clips are.
  const auto dataset = Dataset::open(folder_ / "data", "test", {});
  for (const size_t i : {size_t{0}, size_t{5}}) {
    const std::vector<float> answer =
        models[1]->probabilities({cut_stretch(*dataset->clip(dataset->samples()[i].clip), 0, 29)});
    const auto likeliest = std::max_element(answer.begin(), answer.end());
    EXPECT_EQ(likeliest - answer.begin(), joined.answers[i]);
    EXPECT_NEAR(*likeliest, joined.confidences[i], 1e-5);
  }
  const io::ShardDataset training = open_prepared(folder_ / "data", "train");
  for (int i = 0; i < training.size(); ++i)
    if (training.record(i).clip.label.empty()) {  // the sentence: 50 frames
      const ClipWindows windows = windows_of_clip(*models[1], training.read(i), 2);
      EXPECT_EQ(windows.probabilities.size(), 25 * models[1]->labels().size());
      EXPECT_NEAR(std::accumulate(windows.probabilities.begin(), windows.probabilities.end(), 0.f), 25, 1e-3);
    }
}

}  // namespace
}  // namespace avsr::pipeline
