#include "preprocessing/voice_activity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <stdexcept>

#include "preprocessing/random.h"

namespace avsr::preprocessing {
namespace {

// Noise of `noise` (root mean square), and from each start to its end a buzz as loud as a voice: harmonics of 120 Hz.
std::vector<float> recording(double seconds, double noise, const std::vector<std::pair<double, double>>& speech,
                             double level = 0.1) {
  std::vector<float> samples(static_cast<size_t>(seconds * io::kSampleRate));
  Random random(7);
  for (size_t i = 0; i < samples.size(); ++i) {
    const double t = static_cast<double>(i) / io::kSampleRate;
    double value = noise * random.normal();
    for (const auto& [start, end] : speech)
      for (int h = 1; t >= start && t < end && h <= 30; ++h)
        value += level / std::sqrt(30) * std::numbers::sqrt2 * std::sin(2 * std::numbers::pi * 120 * h * t + h * h);
    samples[i] = static_cast<float>(value);
  }
  return samples;
}

std::vector<VoiceFrame> detected(const std::vector<float>& samples, size_t chunk = 1000,
                                 const VoiceSettings& settings = {}) {
  VoiceActivity activity(settings);
  std::vector<VoiceFrame> frames;
  const auto take = [&] {
    for (const VoiceFrame& frame : activity.take()) frames.push_back(frame);
  };
  for (size_t i = 0; i < samples.size(); i += chunk) {
    activity.push(std::span(samples).subspan(i, std::min(chunk, samples.size() - i)));
    EXPECT_GE(static_cast<double>(frames.size() + static_cast<size_t>(activity.delay_frames()) + 1),
              std::floor(static_cast<double>(i) / io::kSamplesPerFrame));
    take();
  }
  activity.finish();
  take();
  return frames;
}

// Runs of voice as (first frame, frame behind the last).
std::vector<std::pair<int, int>> runs(const std::vector<VoiceFrame>& frames) {
  std::vector<std::pair<int, int>> found;
  for (int f = 0; f < static_cast<int>(frames.size()); ++f) {
    if (!frames[static_cast<size_t>(f)].voice) continue;
    if (found.empty() || found.back().second != f) found.emplace_back(f, f);
    found.back().second = f + 1;
  }
  return found;
}

TEST(VoiceActivity, FindsSpeechAboveNoiseWithPadding) {
  for (const double noise : {0.0, 0.001, 0.03}) {
    const auto found = runs(detected(recording(9, noise, {{2, 3.5}, {6, 7}})));
    ASSERT_EQ(found.size(), 2u) << noise;
    EXPECT_NEAR(found[0].first, 50 - 15, 1) << noise;
    EXPECT_NEAR(found[0].second, 88 + 15, 1) << noise;
    EXPECT_NEAR(found[1].first, 150 - 15, 1) << noise;
    EXPECT_NEAR(found[1].second, 175 + 15, 1) << noise;
  }
}

TEST(VoiceActivity, KeepsShortPausesAndLeavesClicksOut) {
  const auto found = runs(detected(recording(8, 0.001, {{2, 3}, {3.3, 4}, {6, 6.04}})));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NEAR(found[0].first, 50 - 15, 1);
  EXPECT_NEAR(found[0].second, 100 + 15, 1);
}

TEST(VoiceActivity, APauseIsSharedAndStaysOne) {
  for (const double pause : {0.8, 0.84, 1.0}) {
    const auto found = runs(detected(recording(8, 0.001, {{2, 3}, {3 + pause, 4 + pause}})));
    ASSERT_EQ(found.size(), 2u) << pause;
    EXPECT_NEAR(found[0].second, 75 + 25 * pause / 2, 2) << pause;
    EXPECT_NEAR(found[1].first, 75 + 25 * pause / 2, 2) << pause;
  }
}

TEST(VoiceActivity, HearsNothingInSilenceAndSteadyNoise) {
  for (const double noise : {0.0, 0.05}) {
    const auto frames = detected(recording(10, noise, {}));
    EXPECT_EQ(frames.size(), 250u);
    EXPECT_TRUE(runs(frames).empty()) << noise;
    EXPECT_EQ(frames[100].sound, noise > 0);
  }
}

TEST(VoiceActivity, SoundIsMissingOnlyWhereThereIsNoneForSeconds) {
  std::vector<float> samples = recording(4, 0.01, {});
  samples.resize(samples.size() + 8 * io::kSampleRate, 0.f);
  const auto frames = detected(samples);
  EXPECT_TRUE(frames[149].sound);  // 2 s behind the last sound
  EXPECT_FALSE(frames[151].sound);
}

// What was heard long before changes nothing, nor does the size of what is pushed.
TEST(VoiceActivity, DependsOnWhatIsAroundAlone) {
  const std::vector<float> part = recording(16, 0.004, {{5, 6.5}, {9.2, 10.4}});
  std::vector<float> joined = recording(20, 0.05, {{3, 8}, {9, 15}});
  const size_t before = joined.size() / io::kSamplesPerFrame;
  joined.insert(joined.end(), part.begin(), part.end());
  const auto alone = detected(part, 640), behind = detected(joined, 12345);
  ASSERT_EQ(behind.size(), before + alone.size());
  for (size_t f = 125; f < alone.size(); ++f) EXPECT_EQ(behind[before + f].voice, alone[f].voice) << f;
}

TEST(VoiceActivity, CountsALastFrameThatIsNotFull) {
  EXPECT_EQ(detected(std::vector<float>(640 * 3 + 1)).size(), 4u);
  EXPECT_EQ(detected({}).size(), 0u);
  VoiceSettings settings;
  settings.end_decibels = 20;
  EXPECT_THROW(VoiceActivity{settings}, std::invalid_argument);
}

}  // namespace
}  // namespace avsr::preprocessing
