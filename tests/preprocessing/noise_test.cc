#include "preprocessing/noise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "preprocessing/noise_bank.h"

namespace avsr::preprocessing {
namespace {

double power(const std::vector<float>& v) {
  double sum = 0;
  for (const float x : v) sum += double{x} * x;
  return sum / static_cast<double>(v.size());
}

io::Waveform tone(double hertz, size_t samples, double loudness = 0.3) {
  io::Waveform wave;
  for (size_t i = 0; i < samples; ++i) {
    wave.samples.push_back(
        static_cast<float>(loudness * std::sin(2 * std::numbers::pi * hertz * static_cast<double>(i) / 16000)));
  }
  return wave;
}

double measured_snr(const io::Waveform& speech, const io::Waveform& mixture) {
  double noise = 0;
  for (size_t i = 0; i < speech.samples.size(); ++i) {
    const double n = double{mixture.samples[i]} - speech.samples[i];
    noise += n * n;
  }
  return 10 * std::log10(power(speech.samples) * static_cast<double>(speech.samples.size()) / noise);
}

TEST(MixNoise, IsExactToAHundredthOfADecibel) {
  for (const double level : {20.0, 10.0, 0.0, -5.0, 3.3}) {
    // Noise longer than, as long as, and shorter than the speech; with an offset; very quiet.
    for (const size_t length : {size_t{30000}, size_t{18560}, size_t{7001}, size_t{1}}) {
      const io::Waveform speech = tone(440, 18560, 0.01);
      io::Waveform noise = white_noise(length, length);
      for (float& v : noise.samples) v = 1e-3f * (v + 0.5f);
      io::Waveform mixture = speech;
      ASSERT_EQ(mix_noise(mixture, noise, level, "clip"), MixResult::mixed);
      EXPECT_NEAR(measured_snr(speech, mixture), level, 0.01) << length;
    }
  }
}

// Half a second of speech in two seconds of silence: over the clip its power is a quarter.
TEST(MixNoise, CanBeMeasuredOverTheActiveSpeech) {
  io::Waveform speech;
  speech.samples.assign(32000, 0.0f);
  const io::Waveform word = tone(440, 8000);
  std::copy(word.samples.begin(), word.samples.end(), speech.samples.begin() + 9600);
  const std::vector<uint8_t> active = active_samples(speech);
  EXPECT_EQ(std::count(active.begin(), active.end(), uint8_t{1}), 8000);
  EXPECT_EQ(active[9600], 1);
  EXPECT_EQ(active[9599], 0);
  const io::Waveform noise = white_noise(5, 32000);
  for (const double level : {20.0, 0.0, -5.0}) {
    io::Waveform mixture = speech;
    ASSERT_EQ(mix_noise(mixture, noise, level, "clip", SnrOver::active_speech), MixResult::mixed);
    double speech_power = 0, noise_power = 0;
    for (size_t i = 9600; i < 17600; ++i) {
      speech_power += double{speech.samples[i]} * speech.samples[i];
      noise_power += std::pow(double{mixture.samples[i]} - speech.samples[i], 2);
    }
    EXPECT_NEAR(10 * std::log10(speech_power / noise_power), level, 0.01);
    EXPECT_NEAR(measured_snr(speech, mixture), level - 10 * std::log10(4), 0.2);  // white noise is even, but not quite
  }
  io::Waveform silent;
  silent.samples.assign(100, 0.0f);
  EXPECT_EQ(mix_noise(silent, noise, 0, "clip", SnrOver::active_speech), MixResult::silent_speech);
}

TEST(MixNoise, PowerIsThatOfTheNoiseInUse) {
  io::Waveform noise = tone(300, 2000);
  noise.samples.resize(20000, 5.0f);  // loud, beyond the clip
  const io::Waveform speech = tone(440, 2000);
  io::Waveform mixture = speech;
  mix_noise(mixture, noise, 6, "clip");
  EXPECT_NEAR(measured_snr(speech, mixture), 6, 0.01);
}

TEST(MixNoise, SilenceIsLeftAloneAndReported) {
  io::Waveform silent;
  silent.samples.assign(100, 0.0f);
  EXPECT_EQ(mix_noise(silent, tone(300, 100), 0, "clip"), MixResult::silent_speech);
  EXPECT_THAT(silent.samples, testing::Each(0.0f));
  const io::Waveform speech = tone(440, 100);
  io::Waveform mixture = speech;
  EXPECT_EQ(mix_noise(mixture, silent, 0, "clip"), MixResult::silent_noise);
  EXPECT_EQ(mixture.samples, speech.samples);
  EXPECT_EQ(mix_noise(mixture, io::Waveform{}, 0, "clip"), MixResult::silent_noise);
  io::Waveform empty;
  EXPECT_EQ(mix_noise(empty, speech, 0, "clip"), MixResult::silent_speech);
}

TEST(MixNoise, NamesTheClipWithABadSample) {
  io::Waveform speech = tone(440, 100);
  speech.samples[17] = std::numeric_limits<float>::quiet_NaN();
  try {
    mix_noise(speech, tone(300, 100), 0, "ABOUT_00001");
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("ABOUT_00001"));
    EXPECT_THAT(error.what(), testing::HasSubstr("17"));
  }
  io::Waveform good = tone(440, 100), bad = good;
  bad.samples[3] = std::numeric_limits<float>::infinity();
  EXPECT_THROW(mix_noise(good, bad, 0, "clip"), std::runtime_error);
  EXPECT_THROW(mix_noise(good, good, std::nan(""), "clip"), std::invalid_argument);
}

TEST(WhiteNoise, HasPowerOneAndIsTheSameForAKey) {
  const io::Waveform a = white_noise(5, 40000);
  EXPECT_NEAR(power(a.samples), 1, 0.03);
  EXPECT_EQ(a.samples, white_noise(5, 40000).samples);
  EXPECT_NE(a.samples, white_noise(6, 40000).samples);
}

TEST(ChangeSpeed, MovesThePitchAndTheLength) {
  const io::Waveform faster = change_speed(tone(200, 16000), 1.25);
  EXPECT_NEAR(static_cast<double>(faster.samples.size()), 12800, 1);
  const io::Waveform expected = tone(250, 12800);
  for (size_t i = 0; i < 12800; i += 101) EXPECT_NEAR(faster.samples[i], expected.samples[i], 2e-3);
  EXPECT_TRUE(change_speed(io::Waveform{}, 1.25).samples.empty());
  EXPECT_THROW(change_speed(faster, 0), std::invalid_argument);
}

// Talker k says a tone of its own.
NoiseBank bank_of(int utterances, const std::string& prefix = "t", const BabbleSettings& settings = {}) {
  NoiseBank bank(settings);
  for (int k = 0; k < utterances; ++k) {
    bank.add(prefix + std::to_string(k % 5), tone(200 + 100 * k, 3000 + 500 * k, 0.01 * (k + 1)));
  }
  return bank;
}

double tone_power(const std::vector<float>& v, double hertz) {
  double re = 0, im = 0;
  for (size_t i = 0; i < v.size(); ++i) {
    const double phase = 2 * std::numbers::pi * hertz * static_cast<double>(i) / 16000;
    re += v[i] * std::cos(phase);
    im += v[i] * std::sin(phase);
  }
  const auto n = static_cast<double>(v.size());
  return 2 * (re * re + im * im) / (n * n);
}

TEST(NoiseBank, SumsEightVoicesEquallyLoud) {
  const NoiseBank bank = bank_of(8);
  const io::Waveform noise = bank.babble(1, "clip", 1600);  // shorter than any utterance; whole periods of each tone
  int heard = 0;
  for (int k = 0; k < 8; ++k) {
    if (tone_power(noise.samples, 200 + 100 * k) > 0.02) ++heard;
  }
  EXPECT_EQ(heard, 8);
  EXPECT_NEAR(power(noise.samples), 1, 0.4);
}

TEST(NoiseBank, IsFixedBySeedClipAndLength) {
  const NoiseBank bank = bank_of(12), again = bank_of(12);
  const std::vector<float> noise = bank.babble(3, "ABOUT_00001", 18560).samples;
  ASSERT_EQ(noise.size(), 18560u);
  EXPECT_EQ(noise, again.babble(3, "ABOUT_00001", 18560).samples);
  EXPECT_NE(noise, bank.babble(4, "ABOUT_00001", 18560).samples);
  EXPECT_NE(noise, bank.babble(3, "ABOUT_00002", 18560).samples);
  EXPECT_EQ(bank.fingerprint(), again.fingerprint());
  EXPECT_NE(bank.fingerprint(), bank_of(11).fingerprint());
  EXPECT_TRUE(bank.babble(3, "clip", 0).samples.empty());
}

TEST(NoiseBank, VariesSpeedWhenAsked) {
  BabbleSettings varied;
  varied.slowest = 0.8;
  varied.fastest = 1.25;
  const std::vector<float> noise = bank_of(8, "t", varied).babble(1, "clip", 16000).samples;
  EXPECT_EQ(noise.size(), 16000u);
  EXPECT_NE(noise, bank_of(8).babble(1, "clip", 16000).samples);
  varied.slowest = 1.5;
  EXPECT_THROW(NoiseBank{varied}, std::invalid_argument);
}

TEST(NoiseBank, NamesItsTalkers) {
  EXPECT_THAT(bank_of(8, "train").talkers(), testing::ElementsAre("train0", "train1", "train2", "train3", "train4"));
}

TEST(NoiseBank, RefusesTooFewVoicesAndSilence) {
  EXPECT_THROW(bank_of(7).babble(1, "clip", 100), std::runtime_error);
  BabbleSettings few;
  few.voices = 7;
  EXPECT_THROW(NoiseBank{few}, std::invalid_argument);
  NoiseBank bank;
  io::Waveform silent;
  EXPECT_THROW(bank.add("t", silent), std::invalid_argument);
  silent.samples.assign(100, 0.0f);
  EXPECT_THROW(bank.add("t", silent), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::preprocessing
