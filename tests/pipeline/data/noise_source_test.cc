#include "pipeline/data/noise_source.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <stdexcept>

#include "io/atomic_file.h"
#include "io/sound_file.h"

#include "tests/pipeline/small_corpus.h"

namespace avsr::pipeline {
namespace {

io::Waveform tone(int number) {
  io::Waveform wave;
  for (int i = 0; i < 2000; ++i) wave.samples.push_back(static_cast<float>(std::sin(0.01 * (number + 3) * i)));
  return wave;
}

// Three utterances of each talker, but for those of `absent`.
preprocessing::NoiseBank bank_of(int talkers, const std::string& absent = "") {
  preprocessing::NoiseBank bank;
  for (int i = 0; i < 3 * talkers; ++i) {
    const std::string talker = fmt::format("t{}", i % talkers);
    if (talker != absent) bank.add(talker, tone(i));
  }
  return bank;
}

TEST(Babble, WithoutATalkerIsTheBabbleOfTheOthers) {
  for (const int talkers : {4, 70}) {
    const preprocessing::NoiseBank all = bank_of(talkers);
    EXPECT_EQ(all.babble(1, "clip", 3000, "t1").samples, bank_of(talkers, "t1").babble(1, "clip", 3000).samples);
    EXPECT_NE(all.babble(1, "clip", 3000, "t1").samples, all.babble(1, "clip", 3000).samples);
    EXPECT_EQ(all.babble(1, "clip", 3000, "").samples, all.babble(1, "clip", 3000).samples);
  }
  const preprocessing::NoiseBank few = bank_of(3);  // 6 utterances of others are no 8 voices
  EXPECT_FALSE(few.can_leave_out("t1"));
  EXPECT_EQ(few.babble(1, "clip", 3000, "t1").samples, few.babble(1, "clip", 3000).samples);
}

TEST(Babble, LeavesOutTheClipsOwnTalker) {
  TemporaryFolder folder;
  write_small_corpus(folder.path());
  const auto dataset = Dataset::open(folder.path(), "train", {});
  const NoiseSource noise = NoiseSource::babble({dataset.get(), clips_of(*dataset)}, {});
  EXPECT_EQ(noise.description().at("own_talker_left_out"), true);
  EXPECT_EQ(noise.description().at("utterances"), 24);
  EXPECT_NE(noise.make(1, "clip", "t0", 5000).samples, noise.make(1, "clip", "t1", 5000).samples);
  EXPECT_EQ(noise.make(1, "clip", "t0", 5000).samples, noise.make(1, "clip", "t0", 5000).samples);
}

TEST(NoiseSources, OfAFolderAreItsSoundsInOrderOfName) {
  TemporaryFolder folder;
  EXPECT_THROW(NoiseSource::folder(folder.path()), std::runtime_error);
  std::filesystem::create_directories(folder / "deeper");
  io::write_wav(folder / "b.wav", tone(4));
  io::write_wav(folder / "deeper/a.WAV", tone(1));
  io::write_file_atomically(folder / "notes.txt", std::string_view("no sound"));
  const NoiseSource noise = NoiseSource::folder(folder.path());
  ASSERT_EQ(noise.description().at("files").size(), 2u);
  EXPECT_NE(noise.description()["files"][0].at("hash"), noise.description()["files"][1].at("hash"));
  EXPECT_EQ(noise.make(1, "clip", "", 500).samples, noise.make(1, "clip", "", 500).samples);
  EXPECT_EQ(noise.make(1, "clip", "", 5000).samples.size(), 5000u);  // longer than any of them
  io::write_wav(folder / "c.wav", {.samples = std::vector<float>(100, 0.f)});
  EXPECT_THAT([&] { NoiseSource::folder(folder.path()); },
              testing::ThrowsMessage<std::runtime_error>(testing::HasSubstr("c.wav is silent")));
}

TEST(NoiseSources, AFileShorterThanTheClipIsRepeated) {
  TemporaryFolder folder;
  io::write_wav(folder / "short.wav", tone(2));
  const io::Waveform noise = NoiseSource::file(folder / "short.wav").make(1, "clip", "", 4500);
  ASSERT_EQ(noise.samples.size(), 4500u);
  for (size_t i = 0; i + 2000 < noise.samples.size(); ++i) ASSERT_EQ(noise.samples[i], noise.samples[i + 2000]) << i;
  EXPECT_NE(noise.samples[0], noise.samples[1]);
}

TEST(NoiseSources, OfSpeechHaveItsSpectrum) {
  TemporaryFolder folder;
  write_small_corpus(folder.path());
  const auto dataset = Dataset::open(folder.path(), "train", {});
  const NoiseSource noise = NoiseSource::speech_shaped({dataset.get(), clips_of(*dataset)});
  EXPECT_EQ(noise.description().at("talkers").size(), 4u);
  EXPECT_EQ(noise.make(1, "clip", "t0", 5000).samples, noise.make(1, "clip", "t1", 5000).samples);
  EXPECT_NE(noise.make(1, "clip", "t0", 5000).samples, noise.make(1, "other", "t0", 5000).samples);
  EXPECT_NE(noise.make(1, "clip", "t0", 5000).samples, NoiseSource::white().make(1, "clip", "t0", 5000).samples);
}

}  // namespace
}  // namespace avsr::pipeline
