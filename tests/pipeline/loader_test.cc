#include "pipeline/loader.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <tuple>

#include <cmath>
#include <cstdlib>
#include <set>
#include <stdexcept>
#include <thread>
#include <tuple>

#include "pipeline/pinning.h"
#include "tests/pipeline/small_corpus.h"

namespace avsr::pipeline {
namespace {

class LoaderTest : public testing::Test {
 protected:
  LoaderTest() {
    write_small_corpus(folder_.path(), true);
    dataset_ = Dataset::open(folder_.path(), "train", {});
    const Recipe recipe = small_recipe();
    rule_.geometry = recipe.data.geometry;
    models::NetworkConfig config = recipe.network;
    config.labels = 3;
    writer_ = std::make_unique<BatchWriter>(rule_, config);
    noise_ = NoiseSource::babble({dataset_.get(), clips_of(*dataset_)}, recipe.data.babble);
    settings_.batch = 5;
    settings_.training = true;
    settings_.noise = &noise_;
    settings_.levels_db = {std::nullopt, 10, 0};
    settings_.shift_frames = 2;
  }

  std::vector<HostBatch> load() const {
    Loader loader(*dataset_, *writer_, settings_);
    std::vector<HostBatch> batches(1);
    while (loader.next(batches.back())) batches.emplace_back();
    batches.pop_back();
    return batches;
  }

  TemporaryFolder folder_;
  std::unique_ptr<Dataset> dataset_;
  InputRule rule_;
  std::unique_ptr<BatchWriter> writer_;
  NoiseSource noise_;
  LoaderSettings settings_;
};

void expect_equal(const HostBatch& a, const HostBatch& b) {
  EXPECT_EQ(a.sample_ids, b.sample_ids);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.video, b.video);
  EXPECT_EQ(a.video_scale, b.video_scale);
  EXPECT_EQ(a.audio, b.audio);
}

TEST_F(LoaderTest, BatchesDoNotDependOnWorkers) {
  settings_.workers = 1;
  const auto one = load();
  settings_.workers = 4;
  settings_.ahead = 3;
  const auto four = load();
  ASSERT_EQ(one.size(), 5u);  // 27 examples: the last two of the shuffled epoch are dropped
  ASSERT_EQ(four.size(), one.size());
  for (size_t i = 0; i < one.size(); ++i) expect_equal(one[i], four[i]);
}

TEST_F(LoaderTest, AnEpochCanBeEnteredAtAnyBatch) {
  const auto whole = load();
  settings_.first_batch = 3;
  const auto rest = load();
  ASSERT_EQ(rest.size(), 2u);
  expect_equal(rest[0], whole[3]);
  expect_equal(rest[1], whole[4]);
}

TEST_F(LoaderTest, EpochsAndSeedsDiffer) {
  const auto first = load();
  settings_.epoch = 1;
  const auto second = load();
  EXPECT_NE(first[0].sample_ids, second[0].sample_ids);
  settings_.epoch = 0;
  settings_.seed = 2;
  EXPECT_NE(first[0].sample_ids, load()[0].sample_ids);
}

TEST_F(LoaderTest, TestingKeepsOrderAndEveryExample) {
  settings_.training = false;
  settings_.levels_db = {std::nullopt};
  const auto batches = load();
  ASSERT_EQ(batches.size(), 6u);
  int next = 0;
  for (const HostBatch& batch : batches)
    for (int id : batch.sample_ids) EXPECT_EQ(id, next++);
  EXPECT_EQ(next, 27);
  // Sound is z-normalised.
  const auto& audio = batches[0].audio;
  double sum = 0, squares = 0;
  const size_t samples = 29 * 640;
  for (size_t i = 0; i < samples; ++i) sum += audio[i], squares += static_cast<double>(audio[i]) * audio[i];
  EXPECT_NEAR(sum / samples, 0, 1e-4);
  EXPECT_NEAR(squares / samples, 1, 1e-3);
}

TEST_F(LoaderTest, NoiseIsTheSameForEveryStreamAndBatchSize) {
  settings_.training = false;
  settings_.levels_db = {0.0};
  const auto fives = load();
  settings_.batch = 27;
  const auto all = load();
  EXPECT_TRUE(std::equal(fives[0].audio.begin(), fives[0].audio.end(), all[0].audio.begin()));
  settings_.levels_db = {std::nullopt};
  EXPECT_NE(load()[0].audio, all[0].audio);
}

class MovingWindows : public LoaderTest, public ::testing::WithParamInterface<std::pair<double, double>> {};

TEST_P(MovingWindows, AreThoseOfSentencesAlone) {
  settings_.noise = nullptr;
  settings_.shift_frames = 0;
  settings_.augment = {.random_crop = false, .flip_probability = 0};
  const auto plain = load();
  std::tie(settings_.augment.speed, settings_.shift_frames) = GetParam();
  const auto moved = load();
  ASSERT_EQ(plain.size(), moved.size());
  int changed = 0, same = 0;
  for (size_t i = 0; i < plain.size(); ++i) {
    ASSERT_EQ(plain[i].sample_ids, moved[i].sample_ids);
    const size_t stride = plain[i].audio.size() / static_cast<size_t>(plain[i].clips);
    for (size_t b = 0; b < static_cast<size_t>(plain[i].clips); ++b) {
      const Sample& sample = dataset_->samples()[static_cast<size_t>(plain[i].sample_ids[b])];
      const bool equal = std::equal(plain[i].audio.begin() + static_cast<std::ptrdiff_t>(b * stride),
                                    plain[i].audio.begin() + static_cast<std::ptrdiff_t>((b + 1) * stride),
                                    moved[i].audio.begin() + static_cast<std::ptrdiff_t>(b * stride));
      EXPECT_EQ(equal, sample.whole) << sample.key;
      ++(equal ? same : changed);
    }
  }
  EXPECT_GT(changed, 0);
  EXPECT_GT(same, 0);
}

// Speed, and a shift of less than half a frame.
INSTANTIATE_TEST_SUITE_P(Ways, MovingWindows, ::testing::Values(std::pair(0.2, 0.0), std::pair(0.0, 0.4)));

TEST_F(LoaderTest, FrozenFramesAreAllTheFirst) {
  settings_.training = false;
  settings_.freeze_frames = true;
  const HostBatch batch = load()[0];
  const size_t frame = 16 * 16;
  for (size_t t = 1; t < 29; ++t)
    EXPECT_TRUE(std::equal(batch.video.begin(), batch.video.begin() + frame,
                           batch.video.begin() + static_cast<int64_t>(t * frame)));
}

TEST_F(LoaderTest, WhatAWorkerThrowsReachesTheCaller) {
  rule_.geometry.crop_size = 40;  // larger than the stored crops
  models::NetworkConfig config = small_recipe().network;
  writer_ = std::make_unique<BatchWriter>(rule_, config);
  EXPECT_THROW(load(), std::runtime_error);
}

TEST_F(LoaderTest, CanBeLeftBeforeTheEnd) {
  Loader loader(*dataset_, *writer_, settings_);
  HostBatch batch;
  EXPECT_TRUE(loader.next(batch));
}

TEST(Dataset, CutsWordsFromSentencesAndKeepsClipsWhole) {
  TemporaryFolder folder;
  write_small_corpus(folder.path(), true);
  Dataset::Settings settings;
  settings.window_frames = 11;
  const auto dataset = Dataset::open(folder.path(), "train", settings);
  EXPECT_EQ(dataset->labels(), (std::vector<std::string>{"down", "unheard", "up"}));
  ASSERT_EQ(dataset->samples().size(), 27u);
  const auto found = std::find_if(dataset->samples().begin(), dataset->samples().end(),
                                  [](const Sample& s) { return s.key == "sentence/1"; });
  ASSERT_NE(found, dataset->samples().end());
  EXPECT_EQ(found->first_frame, 27 - 5);  // the word's middle, 1.1 s, lies in frame 27
  EXPECT_EQ(found->frames, 11);
  EXPECT_EQ(dataset->labels()[static_cast<size_t>(found->label)], "up");
  settings.labels = {"down"};
  EXPECT_EQ(Dataset::open(folder.path(), "train", settings)->samples().size(), 13u);
  EXPECT_THROW(Dataset::open(folder.path(), "absent", settings), std::runtime_error);
}

TEST(CutStretch, RepeatsEdgeFramesAndPadsWithSilence) {
  StoredClip clip;
  clip.mouth = {3, 1, 2, {1, 1, 2, 2, 3, 3}};
  clip.samples.assign(3 * 640, 16384);
  const Stretch stretch = cut_stretch(clip, -1, 5);
  EXPECT_EQ(stretch.mouth.pixels, (std::vector<uint8_t>{1, 1, 1, 1, 2, 2, 3, 3, 3, 3}));
  ASSERT_EQ(stretch.audio.samples.size(), 5u * 640);
  EXPECT_EQ(stretch.audio.samples[639], 0);
  EXPECT_EQ(stretch.audio.samples[640], 0.5f);
  EXPECT_EQ(stretch.audio.samples[4 * 640 - 1], 0.5f);
  EXPECT_EQ(stretch.audio.samples[4 * 640], 0);
}

TEST(Pinning, LoaderThreadsMayUseAllCores) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  if (CPU_COUNT(&before) < 2) GTEST_SKIP() << "only one core";
  // What pin_threads leaves behind: the cores in the environment, and this thread bound to the first of them.
  std::string cores;
  cpu_set_t first;
  CPU_ZERO(&first);
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(core, &before)) continue;
    if (cores.empty()) CPU_SET(static_cast<size_t>(core), &first);
    cores += std::to_string(core) + " ";
  }
  setenv("AVSR_CORES", cores.c_str(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof first, &first), 0);
  int inherited = 0, freed = 0;
  std::thread([&] {
    cpu_set_t now;
    sched_getaffinity(0, sizeof now, &now);
    inherited = CPU_COUNT(&now);
    free_this_thread();
    sched_getaffinity(0, sizeof now, &now);
    freed = CPU_COUNT(&now);
  }).join();
  EXPECT_EQ(allowed_cores(), CPU_COUNT(&before));
  unsetenv("AVSR_CORES");
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(inherited, 1);
  EXPECT_EQ(freed, CPU_COUNT(&before));
}

}  // namespace
}  // namespace avsr::pipeline
