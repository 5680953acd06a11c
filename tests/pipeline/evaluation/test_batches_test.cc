#include "pipeline/evaluation/test_batches.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "io/parallel.h"
#include "pipeline/training/recipe.h"
#include "preprocessing/normalise.h"
#include "tests/pipeline/small_corpus.h"

namespace avsr::pipeline {
namespace {

class TestBatchesTest : public testing::Test {
 protected:
  TestBatchesTest() {
    write_small_corpus(folder_.path(), true);  // the sentence: windows that are cut out of a longer clip
    dataset_ = Dataset::open(folder_.path(), "train", {});
    const Recipe recipe = small_recipe();
    rule_.geometry = recipe.data.geometry;
    rule_.pixels.deviation = 1;
    models::NetworkConfig config = recipe.network;
    config.labels = 3;
    writer_ = std::make_unique<BatchWriter>(rule_, config);
    settings_.noises = {&white_, &pink_};
    settings_.batch = 5;
  }

  // The clips of every batch of reader 0 under one condition, as (video, audio) by clip.
  using Clip = std::pair<std::vector<uint8_t>, std::vector<float>>;
  std::vector<Clip> clips(size_t condition, int workers = 1) const {
    TestBatches batches(*dataset_, {writer_.get()}, settings_, [](size_t, size_t) { return true; });
    std::vector<Clip> clips;
    io::parallel_ordered(
        batches.count(), workers, 4, [&](size_t i) { batches.make(i); },
        [&](size_t i) {
          const TestBatches::Made made = batches.take(i);
          if (made.condition != condition) return;
          EXPECT_EQ(made.first_clip, clips.size());
          const HostBatch& batch = made.batches[0];
          const auto pixels = static_cast<std::ptrdiff_t>(batch.video.size()) / batch.clips,
                     samples = static_cast<std::ptrdiff_t>(batch.audio.size()) / batch.clips;
          for (std::ptrdiff_t b = 0; b < batch.clips; ++b) {
            EXPECT_EQ(batch.sample_ids[static_cast<size_t>(b)], static_cast<int>(clips.size()));
            EXPECT_EQ(batch.labels[static_cast<size_t>(b)], dataset_->samples()[clips.size()].label);
            clips.push_back({{batch.video.begin() + b * pixels, batch.video.begin() + (b + 1) * pixels},
                             {batch.audio.begin() + b * samples, batch.audio.begin() + (b + 1) * samples}});
          }
        });
    EXPECT_EQ(clips.size(), dataset_->samples().size());
    return clips;
  }
  // Frame t of a clip's network input.
  std::vector<uint8_t> frame(const Clip& clip, int t) const {
    const auto size = static_cast<std::ptrdiff_t>(clip.first.size()) / kSmallFrames;
    return {clip.first.begin() + t * size, clip.first.begin() + (t + 1) * size};
  }

  TemporaryFolder folder_;
  std::unique_ptr<Dataset> dataset_;
  InputRule rule_;
  std::unique_ptr<BatchWriter> writer_;
  NoiseSource white_ = NoiseSource::white(), pink_ = NoiseSource::pink();
  TestSettings settings_;
};

TEST_F(TestBatchesTest, AreTheSameWhateverTheBatchTheThreadsAndTheOtherConditions) {
  const Condition clean, noisy{0, -5.0, std::nullopt}, damaged{1, 0.0, parse_damage("occlusion:0.2")};
  settings_.conditions = {clean, noisy, damaged};
  const std::vector<Clip> first = clips(0), second = clips(1), third = clips(2);
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].first, second[i].first);
    EXPECT_NE(first[i].second, second[i].second);
    EXPECT_NE(first[i].first, third[i].first);
    EXPECT_NE(second[i].second, third[i].second);
  }
  settings_.batch = 3;
  EXPECT_EQ(clips(2, 3), third);
  settings_.conditions = {damaged};
  EXPECT_EQ(clips(0), third);
  settings_.seed = 2;
  EXPECT_NE(clips(0), third);
}

// The waveform is normalised by its clip after the noise; with both normalised, the mixture's level follows from its
// correlation with the clean speech: speech and noise are independent.
TEST_F(TestBatchesTest, NoiseIsAtItsLevel) {
  settings_.conditions = {{}, {0, 0.0, std::nullopt}, {0, 20.0, std::nullopt}};
  const std::vector<Clip> clean = clips(0), even = clips(1), soft = clips(2);
  const auto correlation = [](const std::vector<float>& a, const std::vector<float>& b) {
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      ab += double{a[i]} * b[i];
      aa += double{a[i]} * a[i];
      bb += double{b[i]} * b[i];
    }
    return ab / std::sqrt(aa * bb);
  };
  for (size_t i = 0; i < clean.size(); ++i) {
    EXPECT_NEAR(correlation(clean[i].second, even[i].second), std::sqrt(0.5), 0.03) << i;
    EXPECT_NEAR(correlation(clean[i].second, soft[i].second), std::sqrt(1 / 1.01), 0.01) << i;
  }
}

TEST_F(TestBatchesTest, ALatePictureComesFromTheClipAroundTheWindow) {
  settings_.conditions = {{}, {-1, std::nullopt, parse_damage("offset:3")}, {-1, std::nullopt, parse_damage("frozen")}};
  const std::vector<Clip> clean = clips(0), late = clips(1), frozen = clips(2);
  bool from_before = false;
  for (size_t i = 0; i < clean.size(); ++i) {
    EXPECT_EQ(late[i].second, clean[i].second);
    for (int t = 3; t < kSmallFrames; ++t) EXPECT_EQ(frame(late[i], t), frame(clean[i], t - 3)) << t;
    if (dataset_->samples()[i].whole)
      EXPECT_EQ(frame(late[i], 0), frame(clean[i], 0));  // nothing lies before it
    else
      from_before |= frame(late[i], 0) != frame(clean[i], 0);
    for (int t = 1; t < kSmallFrames; ++t) EXPECT_EQ(frame(frozen[i], t), frame(clean[i], 0));
  }
  EXPECT_TRUE(from_before);
}

TEST_F(TestBatchesTest, ARoomChangesTheSpeechAndReadersGetWhatTheyWant) {
  settings_.conditions = {{}};
  const std::vector<Clip> dry = clips(0);
  io::Waveform room;
  room.samples.assign(2000, 0.f);
  room.samples[0] = 1;
  settings_.room = &room;
  const std::vector<Clip> same = clips(0);
  room.samples[1500] = 0.7f;
  const std::vector<Clip> wet = clips(0);
  for (size_t i = 0; i < dry.size(); ++i) {
    for (size_t k = 0; k < dry[i].second.size(); ++k) ASSERT_NEAR(same[i].second[k], dry[i].second[k], 1e-3);
    EXPECT_NE(wet[i].second, dry[i].second);
  }
  TestBatches batches(*dataset_, {writer_.get(), writer_.get()}, settings_, [](size_t r, size_t) { return r == 1; });
  batches.make(0);
  const TestBatches::Made made = batches.take(0);
  EXPECT_EQ(made.batches[0].clips, 0);
  EXPECT_EQ(made.batches[1].clips, 5);
}

TEST(VideoDamageTest, IsReadFromText) {
  for (const char* text : {"blur:2", "blur:0.5", "occlusion:0.3", "jpeg:10", "drop:1", "offset:-4", "frozen"})
    EXPECT_EQ(parse_damage(text).text(), text);
  for (const char* text : {"", "blur", "blur:", "blur:0", "blur:x", "blur:2x", "occlusion:1.1", "jpeg:0", "jpeg:7.5",
                           "offset:30", "offset:0.5", "frozen:1", "drop:nan", "fog:1"})
    EXPECT_THROW(parse_damage(text), std::invalid_argument) << text;
}

TEST(VideoDamageTest, JpegLosesDetailByItsQuality) {
  io::Frames frames{2, 32, 32, {}};
  for (int i = 0; i < 2 * 32 * 32; ++i) frames.pixels.push_back(static_cast<uint8_t>(preprocessing::mix(i) % 256));
  const auto loss = [&](const char* damage) {
    io::Frames changed = frames;
    apply(parse_damage(damage), changed, preprocessing::Random(1));
    double sum = 0;
    for (size_t i = 0; i < frames.pixels.size(); ++i) sum += std::abs(int{changed.pixels[i]} - frames.pixels[i]);
    return sum / static_cast<double>(frames.pixels.size());
  };
  EXPECT_LT(loss("jpeg:100"), 2);
  EXPECT_GT(loss("jpeg:5"), 20);
}

}  // namespace
}  // namespace avsr::pipeline
