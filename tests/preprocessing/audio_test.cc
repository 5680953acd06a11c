#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

#include "preprocessing/audio_windows.h"
#include "preprocessing/mfcc.h"
#include "preprocessing/noise.h"
#include "preprocessing/normalise.h"

namespace avsr::preprocessing {
namespace {

// Sample i = i + 1, so that padding zeros show.
io::Waveform ramp(int count) {
  io::Waveform wave;
  for (int i = 0; i < count; ++i) wave.samples.push_back(static_cast<float>(i + 1));
  return wave;
}

WindowSettings small(WindowEnds ends) {
  WindowSettings settings;
  settings.sample_rate = 1000;
  settings.window_ms = 8;
  settings.step_ms = 4;
  settings.ends = ends;
  return settings;
}

std::vector<std::vector<float>> cut_windows(const WindowSettings& settings, const io::Waveform& wave) {
  std::vector<std::vector<float>> windows(count_windows(settings, wave.samples.size()));
  for (size_t i = 0; i < windows.size(); ++i) {
    windows[i].resize(settings.window_samples());
    copy_window(settings, wave, static_cast<int>(i), windows[i].data());
  }
  return windows;
}

TEST(AudioWindows, WholeWindowsOnly) {
  const WindowSettings settings = small(WindowEnds::whole);
  EXPECT_EQ(count_windows(settings, 7), 0);
  EXPECT_EQ(count_windows(settings, 8), 1);
  EXPECT_EQ(count_windows(settings, 11), 1);
  EXPECT_EQ(count_windows(settings, 12), 2);
  const auto windows = cut_windows(settings, ramp(12));
  ASSERT_EQ(windows.size(), 2u);
  EXPECT_EQ(windows[1][0], 5);
  EXPECT_EQ(windows[1][7], 12);
}

TEST(AudioWindows, CentredWindowsArePaddedAtBothEnds) {
  const auto zeros = cut_windows(small(WindowEnds::zeros), ramp(10));
  ASSERT_EQ(zeros.size(), 2u);  // steps 0-3 and 4-7; the last two samples make no whole step
  const float first[] = {0, 0, 1, 2, 3, 4, 5, 6}, second[] = {3, 4, 5, 6, 7, 8, 9, 10};
  for (int k = 0; k < 8; ++k) {
    EXPECT_EQ(zeros[0][k], first[k]);
    EXPECT_EQ(zeros[1][k], second[k]);
  }
  const auto mirrored = cut_windows(small(WindowEnds::reflect), ramp(8));
  const float left[] = {3, 2, 1, 2, 3, 4, 5, 6}, right[] = {3, 4, 5, 6, 7, 8, 7, 6};
  for (int k = 0; k < 8; ++k) {
    EXPECT_EQ(mirrored[0][k], left[k]);
    EXPECT_EQ(mirrored[1][k], right[k]);
  }
}

TEST(AudioWindows, ShortAndEmptyClips) {
  EXPECT_EQ(cut_windows(small(WindowEnds::zeros), ramp(0)).size(), 0u);
  EXPECT_EQ(cut_windows(small(WindowEnds::reflect), ramp(0)).size(), 0u);
  const auto one = cut_windows(small(WindowEnds::reflect), ramp(1));
  ASSERT_EQ(one.size(), 1u);
  for (int k = 0; k < 8; ++k) EXPECT_EQ(one[0][k], 1);
  const auto two = cut_windows(small(WindowEnds::zeros), ramp(2));
  ASSERT_EQ(two.size(), 1u);
  EXPECT_EQ(two[0][2], 1);
  EXPECT_EQ(two[0][4], 0);
}

TEST(AudioWindows, FourWindowsToAVideoFrame) {
  WindowSettings settings;
  for (const int frames : {1, 29, 75}) {
    EXPECT_EQ(count_windows(settings, static_cast<size_t>(frames) * io::kSamplesPerFrame), 4 * frames);
  }
  // The four windows of frame 3 are centred on that frame's 40 ms.
  const double centre = (window_start(settings, 12) + window_start(settings, 15) + 640) / 2.0;
  EXPECT_EQ(centre, 3 * 640 + 320);
}

TEST(AudioWindows, RefusesPartsOfSamples) {
  WindowSettings settings;
  settings.step_ms = 0.01;
  EXPECT_THROW(settings.validate(), std::invalid_argument);
  settings.step_ms = 0;
  EXPECT_THROW(settings.validate(), std::invalid_argument);
  settings.step_ms = 0.25;  // 4 samples
  settings.validate();
}

// A second way to the same numbers: naive O(n^2) Fourier sums and formulas written out, all in double precision.
std::vector<double> naive_mfcc(const io::Waveform& wave, int index) {
  constexpr int kWindow = 640, kFft = 1024, kBands = 26;
  const long start = index * 160L + 80 - 320;
  std::vector<double> x(kWindow), y(kWindow);
  for (int i = 0; i < kWindow; ++i) {
    const long at = start + i;
    x[i] = at >= 0 && at < static_cast<long>(wave.samples.size()) ? wave.samples[at] : 0.0;
  }
  for (int i = 0; i < kWindow; ++i) {
    y[i] = (i == 0 ? 0.03 * x[0] : x[i] - 0.97 * x[i - 1]) * (0.54 - 0.46 * std::cos(2 * std::numbers::pi * i / 639));
  }
  std::vector<double> power(kFft / 2 + 1);
  for (int k = 0; k <= kFft / 2; ++k) {
    double re = 0, im = 0;
    for (int i = 0; i < kWindow; ++i) {
      re += y[i] * std::cos(2 * std::numbers::pi * k * i / kFft);
      im -= y[i] * std::sin(2 * std::numbers::pi * k * i / kFft);
    }
    power[k] = re * re + im * im;
  }
  const auto mel = [](double hz) { return 2595 * std::log10(1 + hz / 700); };
  const auto hertz = [](double m) { return 700 * (std::pow(10, m / 2595) - 1); };
  std::vector<double> logs;
  for (int b = 1; b <= kBands; ++b) {
    const double step = (mel(8000) - mel(20)) / 27;
    const double l = hertz(mel(20) + (b - 1) * step), c = hertz(mel(20) + b * step),
                 r = hertz(mel(20) + (b + 1) * step);
    double energy = 0;
    for (int k = 0; k <= kFft / 2; ++k) {
      const double f = k * 15.625;
      if (f > l && f <= c) energy += power[k] * (f - l) / (c - l);
      if (f > c && f < r) energy += power[k] * (r - f) / (r - c);
    }
    logs.push_back(std::log(energy + 1e-10));
  }
  std::vector<double> cepstrum;
  for (int k = 0; k < 13; ++k) {
    double sum = 0;
    for (int b = 0; b < kBands; ++b) sum += logs[b] * std::cos(std::numbers::pi * k * (2 * b + 1) / (2.0 * kBands));
    sum *= std::sqrt(2.0 / kBands) * (k == 0 ? std::sqrt(0.5) : 1.0);
    cepstrum.push_back(sum * (1 + 11 * std::sin(std::numbers::pi * k / 22)));
  }
  return cepstrum;
}

io::Waveform chirp_and_noise(int samples) {
  io::Waveform wave = white_noise(7, samples);
  for (int i = 0; i < samples; ++i) {
    wave.samples[i] = 0.02f * wave.samples[i] + 0.3f * static_cast<float>(std::sin(0.02 * i + 2e-5 * i * i));
  }
  return wave;
}

TEST(Mfcc, EqualsANaiveTransform) {
  const io::Waveform wave = chirp_and_noise(12 * 640);
  const Features features = Mfcc().compute(wave);
  ASSERT_EQ(features.count, 48);
  ASSERT_EQ(features.dimension, 39);
  std::vector<std::vector<double>> naive;
  for (int i = 0; i < 12; ++i) naive.push_back(naive_mfcc(wave, i));
  for (const int i : {0, 1, 5, 11}) {
    for (int k = 0; k < 13; ++k) EXPECT_NEAR(features.row(i)[k], naive[i][k], 1e-4) << i << " " << k;
  }
  // Derivatives of window 4 from its four neighbours; of window 0 with the first repeated.
  for (int k = 0; k < 13; ++k) {
    const double inner = (naive[5][k] - naive[3][k] + 2 * (naive[6][k] - naive[2][k])) / 10;
    const double edge = (naive[1][k] - naive[0][k] + 2 * (naive[2][k] - naive[0][k])) / 10;
    EXPECT_NEAR(features.row(4)[13 + k], inner, 1e-4);
    EXPECT_NEAR(features.row(0)[13 + k], edge, 1e-4);
    const auto delta = [&](int i) { return double{features.row(i)[13 + k]}; };
    EXPECT_NEAR(features.row(6)[26 + k], (delta(7) - delta(5) + 2 * (delta(8) - delta(4))) / 10, 1e-4);
  }
}

TEST(Mfcc, SilenceIsFiniteAndShortClipsWork) {
  const Mfcc mfcc;
  for (const size_t samples : {size_t{0}, size_t{1}, size_t{640}}) {
    io::Waveform wave;
    wave.samples.assign(samples, 0.0f);
    const Features features = mfcc.compute(wave);
    EXPECT_EQ(features.count, samples == 640 ? 4 : static_cast<int>(samples));
    for (const float v : features.values) EXPECT_TRUE(std::isfinite(v));
  }
  MfccSettings settings;
  settings.coefficients = 27;
  EXPECT_THROW(Mfcc{settings}, std::invalid_argument);
  settings = {};
  settings.highest_hz = 9000;
  EXPECT_THROW(Mfcc{settings}, std::invalid_argument);
}

TEST(Mfcc, ToneShowsInItsBand) {
  io::Waveform wave;
  for (int i = 0; i < 6400; ++i)
    wave.samples.push_back(static_cast<float>(std::sin(2 * std::numbers::pi * 1000 * i / 16000)));
  const Features mel = Mfcc().log_mel(wave);
  const float* row = mel.row(20);
  const auto loudest = std::max_element(row, row + 26) - row;
  const double step = (2595 * std::log10(1 + 8000 / 700.0) - 2595 * std::log10(1 + 20 / 700.0)) / 27;
  const double centre = 2595 * std::log10(1 + 20 / 700.0) + (static_cast<double>(loudest) + 1) * step;
  EXPECT_NEAR(centre, 2595 * std::log10(1 + 1000 / 700.0), step / 2 + 5);
}

double mean_of(std::span<const float> v) {
  double sum = 0;
  for (const float x : v) sum += x;
  return sum / static_cast<double>(v.size());
}
double power_of(std::span<const float> v) {
  double sum = 0;
  for (const float x : v) sum += double{x} * x;
  return sum / static_cast<double>(v.size());
}

TEST(ZNormalise, MeanZeroDeviationOne) {
  io::Waveform wave = chirp_and_noise(5000);
  for (float& v : wave.samples) v = 0.01f * v + 0.5f;
  z_normalise(wave);
  EXPECT_NEAR(mean_of(wave.samples), 0, 1e-5);
  EXPECT_NEAR(power_of(wave.samples), 1, 1e-4);
  io::Waveform silence;
  silence.samples.assign(100, 0.25f);
  z_normalise(silence);
  for (const float v : silence.samples) EXPECT_EQ(v, 0);
  io::Waveform empty;
  z_normalise(empty);
  Features features{3, 2, {1, 5, 2, 5, 3, 5}};
  z_normalise_columns(features);
  EXPECT_NEAR(features.values[0], -std::sqrt(1.5), 1e-5);
  EXPECT_EQ(features.values[1], 0);
}

}  // namespace
}  // namespace avsr::preprocessing
