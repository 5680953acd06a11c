// Noise with a spectrum, and rooms.
#include "preprocessing/coloured_noise.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>

#include "preprocessing/noise.h"
#include "preprocessing/reverberation.h"
#include "preprocessing/spectrum.h"

namespace avsr::preprocessing {
namespace {

double power(const io::Waveform& wave) {
  double sum = 0;
  for (const float value : wave.samples) sum += double{value} * value;
  return sum / static_cast<double>(wave.samples.size());
}

// Power between two frequencies.
double band(const io::Waveform& wave, double low, double high) {
  return power(filtered(wave, [&](double hertz) { return hertz >= low && hertz < high ? 1 : 0; }));
}

double decibels(double ratio) { return 10 * std::log10(ratio); }

io::Waveform tone(double hertz, size_t samples) {
  io::Waveform wave;
  for (size_t i = 0; i < samples; ++i)
    wave.samples.push_back(
        static_cast<float>(0.5 * std::sin(2 * std::numbers::pi * hertz * static_cast<double>(i) / io::kSampleRate)));
  return wave;
}

TEST(Filtered, KeepsWhatItPassesAtEveryLength) {
  for (const size_t samples : {size_t{1}, size_t{2}, size_t{7}, size_t{1000}, size_t{18560}, size_t{18561}}) {
    const io::Waveform wave = white_noise(3, samples), same = filtered(wave, [](double) { return 1; });
    ASSERT_EQ(same.samples.size(), samples);
    for (size_t i = 0; i < samples; ++i) ASSERT_NEAR(same.samples[i], wave.samples[i], 1e-5) << samples;
  }
  const io::Waveform both = filtered(tone(500, 16000), [](double hertz) { return hertz < 600 ? 1 : 0; });
  EXPECT_NEAR(power(both), 0.125, 1e-3);
  EXPECT_NEAR(power(filtered(tone(700, 16000), [](double hertz) { return hertz < 600 ? 1 : 0; })), 0, 1e-3);
  EXPECT_TRUE(filtered({}, [](double) { return 1; }).samples.empty());
}

TEST(Convolved, IsTheSumOfShiftedCopies) {
  const io::Waveform wave = white_noise(4, 301), kernel = white_noise(5, 40), found = convolved(wave, kernel);
  ASSERT_EQ(found.samples.size(), 340u);
  for (size_t n = 0; n < found.samples.size(); ++n) {
    double sum = 0;
    for (size_t k = 0; k < 40; ++k)
      if (n >= k && n - k < 301) sum += double{kernel.samples[k]} * wave.samples[n - k];
    ASSERT_NEAR(found.samples[n], sum, 1e-4) << n;
  }
  EXPECT_TRUE(convolved(wave, {}).samples.empty());
}

TEST(PinkNoise, HasTheSamePowerInEveryOctave) {
  const io::Waveform noise = pink_noise(1, 10 * io::kSampleRate);
  EXPECT_NEAR(power(noise), 1, 1e-3);
  const double first = band(noise, 125, 250);
  for (double low = 250; low < 8000; low *= 2) EXPECT_NEAR(decibels(band(noise, low, 2 * low) / first), 0, 0.6) << low;
  EXPECT_LT(band(noise, 0, 19), 1e-4);
  EXPECT_EQ(pink_noise(7, 500).samples, pink_noise(7, 500).samples);
  EXPECT_NE(pink_noise(7, 500).samples, pink_noise(8, 500).samples);
}

TEST(SpeechSpectrum, GivesNoiseTheSpectrumOfWhatItHeard) {
  io::Waveform heard = filtered(white_noise(2, 5 * io::kSampleRate), [](double hertz) {
    return hertz > 300 && hertz < 1000 ? 1 : hertz < 3000 ? 0.1 : 0;
  });
  SpeechSpectrum spectrum;
  EXPECT_TRUE(spectrum.empty());
  EXPECT_THROW(spectrum.noise(1, 100), std::logic_error);
  spectrum.add(heard);
  const io::Waveform noise = spectrum.noise(9, 5 * io::kSampleRate);
  EXPECT_NEAR(power(noise), 1, 1e-3);
  const double wanted = decibels(band(heard, 400, 900) / band(heard, 1200, 2800));
  EXPECT_NEAR(decibels(band(noise, 400, 900) / band(noise, 1200, 2800)), wanted, 0.5);
  EXPECT_LT(decibels(band(noise, 3200, 8000) / power(noise)), -30);
  SpeechSpectrum silent;
  silent.add({.samples = std::vector<float>(1000, 0.f)});
  EXPECT_THROW(silent.noise(1, 100), std::logic_error);
}

TEST(Reverberated, IsAlignedToTheDirectSoundAndAsLoud) {
  const io::Waveform speech = tone(440, 8000);
  io::Waveform response;
  response.samples.assign(400, 0.f);
  response.samples[25] = -0.8f;  // the direct sound comes late, upside down, and softer
  const io::Waveform heard = reverberated(speech, response, "room.wav");
  ASSERT_EQ(heard.samples.size(), 8000u);
  for (size_t i = 0; i < 8000; ++i) ASSERT_NEAR(heard.samples[i], -speech.samples[i], 1e-3) << i;

  response.samples[200] = 0.5f;
  EXPECT_NEAR(power(reverberated(speech, response, "room.wav")), power(speech), 1e-4);
  const io::Waveform silence{.samples = std::vector<float>(100, 0.f)};
  EXPECT_EQ(reverberated(silence, response, "room.wav").samples, silence.samples);
  EXPECT_THROW(reverberated(speech, silence, "room.wav"), std::runtime_error);
  EXPECT_THROW(reverberated(speech, {}, "room.wav"), std::runtime_error);
  response.samples[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(reverberated(speech, response, "room.wav"), std::runtime_error);
}

}  // namespace
}  // namespace avsr::preprocessing
