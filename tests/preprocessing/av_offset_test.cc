#include "preprocessing/av_offset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <numbers>

#include "preprocessing/random.h"
#include "preprocessing/speaking_mouth.h"
#include "tests/preprocessing/drawn_faces.h"

namespace avsr::preprocessing {
namespace {

constexpr int kSize = 48;

// How far a mouth is open over time: syllables of random length, with pauses.
class Speaker {
 public:
  Speaker(uint64_t seed, double seconds) {
    Random random(seed);
    for (double t = 0; t < seconds;) {
      const double length = random.uniform(0.12, 0.4);
      if (random.uniform(0, 1) < 0.7) syllables_.push_back({t, t + length, random.uniform(0.5, 1)});
      t += length;
    }
  }
  double open(double seconds) const {
    for (const auto& [from, to, size] : syllables_)
      if (seconds >= from && seconds < to) return size * std::sin(std::numbers::pi * (seconds - from) / (to - from));
    return 0;
  }
  // Its voice, later by `late` seconds.
  std::vector<float> voice(double seconds, double late) const {
    std::vector<float> samples(static_cast<size_t>(seconds * io::kSampleRate));
    for (size_t i = 0; i < samples.size(); ++i) {
      const double t = static_cast<double>(i) / io::kSampleRate;
      samples[i] = static_cast<float>((0.001 + 0.3 * open(t - late)) * std::sin(2 * std::numbers::pi * 220 * t));
    }
    return samples;
  }

 private:
  struct Syllable {
    double from, to, size;
  };
  std::vector<Syllable> syllables_;
};

// A crop whose dark middle is as high as the mouth is open.
MouthFrame crop_of(int64_t t, double open) {
  MouthFrame frame = no_mouth(t, kSize);
  frame.face = true;
  for (int y = 0; y < kSize; ++y)
    for (int x = 0; x < kSize; ++x) {
      const double edge = 10 * open + 2 - std::abs(y - 26);
      frame.crop[static_cast<size_t>(y * kSize + x)] =
          static_cast<uint8_t>(std::abs(x - 24) < 11 ? 150 - 110 * std::clamp(edge, 0.0, 1.0) : 150);
    }
  return frame;
}

AvOffset measure(const Speaker& seen, const Speaker& heard, double seconds, double late) {
  OffsetMeter meter(kSize);
  const std::vector<float> voice = heard.voice(seconds, late);
  const auto frames = static_cast<int64_t>(seconds * io::kFramesPerSecond);
  for (int64_t t = 0; t < frames; ++t) {
    // Chunks of a second of sound before their frames, as files are read.
    if (t % 25 == 0)
      meter.push_sound(
          std::span(voice).subspan(static_cast<size_t>(t) * io::kSamplesPerFrame,
                                   std::min<size_t>(25, static_cast<size_t>(frames - t)) * io::kSamplesPerFrame));
    meter.push(crop_of(t, seen.open((static_cast<double>(t) + 0.5) / io::kFramesPerSecond)));
  }
  meter.finish();
  return meter.result();
}

TEST(AvOffset, FindsHowLateTheSoundIs) {
  const Speaker speaker(3, 30);
  for (const double late : {0.0, 0.12, -0.48, 0.055}) {
    const AvOffset offset = measure(speaker, speaker, 30, late);
    ASSERT_TRUE(offset.seconds) << late << ": " << offset.best << ", confidence " << offset.confidence;
    EXPECT_NEAR(*offset.seconds, late, 0.03);
    EXPECT_EQ(offset.windows, 10);
    EXPECT_GT(offset.correlation, 0.3);
  }
}

TEST(AvOffset, SaysNothingRatherThanSomethingWrong) {
  const Speaker speaker(3, 30);
  EXPECT_FALSE(measure(speaker, speaker, 6, 0.12).seconds) << "two windows are too few";
  EXPECT_FALSE(measure(speaker, speaker, 30, 0.9).seconds) << "further off than is looked for";
  int wrong = 0;
  for (uint64_t other = 10; other < 18; ++other) wrong += measure(speaker, Speaker(other, 30), 30, 0).seconds ? 1 : 0;
  EXPECT_EQ(wrong, 0) << "of 8 voices of other people";
}

TEST(AvOffset, NeedsAMouthThatMovesAndSound) {
  const Speaker speaker(3, 12);
  OffsetMeter still(kSize), silent(kSize), faceless(kSize);
  const std::vector<float> voice = speaker.voice(12, 0), nothing(voice.size(), 0.f);
  still.push_sound(voice);
  silent.push_sound(nothing);
  faceless.push_sound(voice);
  for (int64_t t = 0; t < 300; ++t) {
    still.push(crop_of(t, 0.3));
    silent.push(crop_of(t, speaker.open(static_cast<double>(t) / 25)));
    if (t % 30 == 0) faceless.push(crop_of(t, 0.5));  // the frames between are left out
  }
  for (OffsetMeter* meter : {&still, &silent, &faceless}) {
    meter->finish();
    EXPECT_EQ(meter->result().windows, 0);
    EXPECT_FALSE(meter->result().seconds);
  }
  EXPECT_THROW(still.push(crop_of(5, 0)), std::invalid_argument);
}

TEST(MouthMotion, DoesNotReachAcrossCutsAndGaps) {
  MouthMotion motion(kSize);
  EXPECT_FALSE(motion.push(crop_of(0, 0)));
  EXPECT_GT(*motion.push(crop_of(1, 1)), 0.5f);
  EXPECT_EQ(*motion.push(crop_of(2, 1)), 0.f);
  MouthFrame cut = crop_of(3, 0);
  cut.new_shot = true;
  EXPECT_FALSE(motion.push(cut));
  EXPECT_TRUE(motion.push(crop_of(4, 0)));
  EXPECT_FALSE(motion.push(no_mouth(5, kSize)));
  EXPECT_FALSE(motion.push(crop_of(6, 0)));
  EXPECT_FALSE(motion.push(crop_of(8, 0)));
}

// Two faces side by side; the voice is the left one's, then the right one's.
TEST(SpeakingMouth, IsTheOneThatMovesWithTheSound) {
  if (!std::filesystem::exists(kLandmarkModelPath)) GTEST_SKIP() << "no landmark model at " << kLandmarkModelPath;
  constexpr int kFrames = 160, kTurn = 80;
  const Speaker left(5, 8), right(6, 8);
  const auto mouth_of = [](const Speaker& speaker) {
    return [&speaker](int t) { return 2 + 9 * speaker.open((t + 0.5) / io::kFramesPerSecond); };
  };
  const io::Frames frames = drawn_scene(
      kFrames, 230, 420,
      {Actor{.x = 110, .y = 115, .open = mouth_of(left)}, Actor{.x = 310, .y = 115, .open = mouth_of(right)}});
  std::vector<float> voice = left.voice(8, 0);
  const std::vector<float> second = right.voice(8, 0);
  std::copy(second.begin() + kTurn * io::kSamplesPerFrame, second.end(), voice.begin() + kTurn * io::kSamplesPerFrame);

  std::vector<MouthFrame> chosen;
  const auto source = make_mouth_source({FaceChoice::Kind::speaking, 0}, FaceModel::load(), {},
                                        [&](MouthFrame&& frame) { chosen.push_back(std::move(frame)); });
  for (int t = 0; t < kFrames; ++t) {
    source->push_sound(std::span(voice).subspan(static_cast<size_t>(t) * io::kSamplesPerFrame, io::kSamplesPerFrame));
    source->push(frames.frame(t), frames.height, frames.width);
  }
  source->finish();
  ASSERT_EQ(chosen.size(), static_cast<size_t>(kFrames));
  int right_ones = 0, turns = 0;
  for (int t = 0; t < kFrames; ++t) {
    EXPECT_EQ(chosen[t].index, t);
    right_ones += (chosen[t].pose.centre_x > 210) == (t >= kTurn) ? 1 : 0;
    turns += t > 0 && chosen[t].new_shot ? 1 : 0;
  }
  EXPECT_GE(right_ones, 130);
  EXPECT_LE(turns, 5);
}

}  // namespace
}  // namespace avsr::preprocessing
