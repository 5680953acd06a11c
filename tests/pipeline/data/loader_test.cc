#include "pipeline/data/loader.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <tuple>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
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
    write_small_corpus(folder_.path(), true, true);
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

// One pixel wide: how bright each frame of a clip is in the batch, in sums.
std::vector<int> brightness(const HostBatch& batch, size_t clip) {
  const size_t frame = batch.video.size() / static_cast<size_t>(batch.clips * batch.steps);
  std::vector<int> sums;
  for (int t = 0; t < batch.frames[clip]; ++t) {
    const auto first =
        batch.video.begin() +
        static_cast<std::ptrdiff_t>((clip * static_cast<size_t>(batch.steps) + static_cast<size_t>(t)) * frame);
    sums.push_back(std::accumulate(first, first + static_cast<std::ptrdiff_t>(frame), 0));
  }
  return sums;
}

void expect_equal(const HostBatch& a, const HostBatch& b) {
  EXPECT_EQ(a.frames, b.frames);
  EXPECT_EQ(a.word_boundary, b.word_boundary);
  EXPECT_EQ(a.video_present, b.video_present);
  EXPECT_EQ(a.audio_present, b.audio_present);
  EXPECT_EQ(a.second_labels, b.second_labels);
  EXPECT_EQ(a.own_share, b.own_share);
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

// Everything on: mixing, lengths, word boundaries and absent streams are keyed as all else.
TEST_F(LoaderTest, MixedAndCroppedBatchesDoNotDependOnWorkersEither) {
  models::NetworkConfig config = writer_->config();
  config.word_boundary = true;
  config.modality_dropout = {0.3f, 0.3f};
  writer_ = std::make_unique<BatchWriter>(rule_, config);
  settings_.augment.mixup = 0.4;
  settings_.augment.variable_length = true;
  settings_.workers = 1;
  const auto one = load();
  settings_.workers = 4;
  settings_.first_batch = 2;
  const auto four = load();
  ASSERT_EQ(four.size(), one.size() - 2);
  for (size_t i = 0; i < four.size(); ++i) expect_equal(one[i + 2], four[i]);
  std::set<int> lengths;
  int no_video = 0, no_audio = 0;
  for (const HostBatch& batch : one) {
    lengths.insert(batch.frames.begin(), batch.frames.end());
    for (size_t b = 0; b < 5; ++b) {
      no_video += batch.video_present[b] == 0;
      no_audio += batch.audio_present[b] == 0;
      EXPECT_TRUE(batch.video_present[b] || batch.audio_present[b]);
      EXPECT_NE(batch.second_labels[b], -1);
    }
  }
  EXPECT_GT(lengths.size(), 3u);
  EXPECT_GT(no_video, 0);
  EXPECT_GT(no_audio, 0);
  settings_.training = false;  // none of it in validation but the boundary
  settings_.first_batch = 0;
  for (const HostBatch& batch : load()) {
    EXPECT_TRUE(batch.own_share.empty());
    EXPECT_TRUE(batch.video_present.empty());
    EXPECT_EQ(std::set<int>(batch.frames.begin(), batch.frames.end()), std::set<int>{kSmallFrames});
  }
}

// The clips' words lie from frame 10 to 17.5; those of the sentence are cut with their middles in the window's.
TEST_F(LoaderTest, TellsWhereTheWordIs) {
  models::NetworkConfig config = writer_->config();
  config.word_boundary = true;
  writer_ = std::make_unique<BatchWriter>(rule_, config);
  settings_.training = false;
  int checked = 0;
  for (const HostBatch& batch : load())
    for (size_t b = 0; b < static_cast<size_t>(batch.clips); ++b) {
      const Sample& sample = dataset_->samples()[static_cast<size_t>(batch.sample_ids[b])];
      std::vector<int> inside;
      for (int t = 0; t < batch.steps; ++t)
        if (batch.word_boundary[b * static_cast<size_t>(batch.steps) + static_cast<size_t>(t)] == 1)
          inside.push_back(t);
      if (sample.whole) {
        EXPECT_EQ(inside, (std::vector<int>{10, 11, 12, 13, 14, 15, 16}));
      }
      if (sample.key == "sentence/0") {  // 0.2 to 0.4 s
        EXPECT_EQ(inside, (std::vector<int>{12, 13, 14, 15, 16}));
      }
      ++checked;
    }
  EXPECT_EQ(checked, 27);
}

// A clip cropped in time is a piece of the uncropped one, in both streams, and the flags move with it.
TEST_F(LoaderTest, VariableLengthKeepsTheWord) {
  models::NetworkConfig config = writer_->config();
  config.word_boundary = true;
  writer_ = std::make_unique<BatchWriter>(rule_, config);
  settings_.noise = nullptr;
  const auto whole = load();
  settings_.augment.variable_length = true;
  const auto cropped = load();
  for (size_t i = 0; i < whole.size(); ++i)
    for (size_t b = 0; b < 5; ++b) {
      ASSERT_EQ(whole[i].sample_ids[b], cropped[i].sample_ids[b]);
      const auto flags = [&](const HostBatch& batch) {
        const auto first = batch.word_boundary.begin() + static_cast<std::ptrdiff_t>(b) * batch.steps;
        return std::vector<float>(first, first + batch.frames[b]);
      };
      const auto all = flags(whole[i]), kept = flags(cropped[i]);
      EXPECT_EQ(std::count(all.begin(), all.end(), 1.f), std::count(kept.begin(), kept.end(), 1.f));
      const auto brightness_of_all = brightness(whole[i], b), brightness_of_kept = brightness(cropped[i], b);
      EXPECT_NE(std::search(brightness_of_all.begin(), brightness_of_all.end(), brightness_of_kept.begin(),
                            brightness_of_kept.end()),
                brightness_of_all.end());
      EXPECT_EQ(cropped[i].samples[b], cropped[i].frames[b] * io::kSamplesPerFrame);
    }
}

TEST_F(LoaderTest, RefusesClipsWhoseWordTimesItNeeds) {
  write_small_corpus(folder_.path(), true, false);
  dataset_ = Dataset::open(folder_.path(), "train", {});
  settings_.augment.variable_length = true;
  try {
    load();
    FAIL() << "loaded";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("data.augment.variable_length needs"), std::string::npos) << error.what();
  }
}

TEST_F(LoaderTest, AnEpochCanBeEnteredAtAnyBatch) {
  const auto whole = load();
  settings_.first_batch = 3;
  const auto rest = load();
  ASSERT_EQ(rest.size(), 2u);
  expect_equal(rest[0], whole[3]);
  expect_equal(rest[1], whole[4]);
}

TEST_F(LoaderTest, PartsAreTheBatchInOrder) {
  const auto whole = load();
  settings_.parts = 3;
  const auto parts = load();
  ASSERT_EQ(parts.size(), 15u);
  EXPECT_EQ(Loader(*dataset_, *writer_, settings_).batches(), 5);
  for (size_t i = 0; i < parts.size(); ++i) {
    const size_t sizes[] = {1, 2, 2}, first[] = {0, 1, 3};
    const auto from = whole[i / 3].sample_ids.begin() + static_cast<std::ptrdiff_t>(first[i % 3]);
    EXPECT_EQ(parts[i].sample_ids, std::vector<int>(from, from + static_cast<std::ptrdiff_t>(sizes[i % 3])));
    EXPECT_EQ(parts[i].clips, sizes[i % 3]);
    EXPECT_EQ(parts[i].whole_clips, 5);
    EXPECT_EQ(parts[i].ends_batch, i % 3 == 2);
  }
  settings_.first_batch = 3;
  expect_equal(load().at(0), parts[9]);
  settings_.first_batch = 0;
  settings_.batch = 40;  // of 27 clips there is one batch
  settings_.parts = 30;
  EXPECT_EQ(load().size(), 27u);
  EXPECT_EQ(load().back().whole_clips, 27);
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

// At twice the speed half of the frames; the text stays.
TEST_F(LoaderTest, SentencesRunAtOtherSpeeds) {
  Dataset::Settings wanted;
  wanted.targets = Targets::characters;
  dataset_ = Dataset::open(folder_.path(), "train", wanted);
  settings_.augment.speed = 0.2;
  settings_.shift_frames = 0;
  settings_.noise = nullptr;
  std::set<int> lengths;
  for (const HostBatch& batch : load())
    for (size_t b = 0; b < batch.texts.size(); ++b) {
      const Sample& sample = dataset_->samples()[static_cast<size_t>(batch.sample_ids[b])];
      EXPECT_EQ(batch.texts[b], sample.text);
      EXPECT_EQ(batch.samples[b], batch.frames[b] * io::kSamplesPerFrame);
      EXPECT_GE(batch.frames[b], std::floor(sample.frames / 1.2));
      EXPECT_LE(batch.frames[b], std::ceil(sample.frames / 0.8));
      if (sample.frames == kSmallFrames) lengths.insert(batch.frames[b]);
      for (size_t i = 0; i < sample.symbol_times.size(); ++i)  // they are as fast as the sentence, whose middle stays
        EXPECT_NEAR((batch.symbol_times[b][i].first - batch.frames[b] / 2.0) * sample.frames,
                    (sample.symbol_times[i].first - sample.frames / 2.0) * batch.frames[b], sample.frames);
    }
  EXPECT_GT(lengths.size(), 5u);
  settings_.training = false;
  for (const HostBatch& batch : load())
    for (size_t b = 0; b < batch.texts.size(); ++b)
      EXPECT_EQ(batch.frames[b], dataset_->samples()[static_cast<size_t>(batch.sample_ids[b])].frames);
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
