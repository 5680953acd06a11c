#include "preprocessing/coloured_noise.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <utility>

#include "preprocessing/noise.h"
#include "preprocessing/spectrum.h"

namespace avsr::preprocessing {
namespace {

constexpr int kWindow = 512, kHop = 256;
constexpr double kLowest = 20;  // Hz: what lies below cannot be heard and would hold much of pink noise's power

io::Waveform with_power_one(io::Waveform wave) {
  double sum = 0;
  for (const float value : wave.samples) sum += double{value} * value;
  const auto gain = static_cast<float>(std::sqrt(static_cast<double>(wave.samples.size()) / std::max(sum, 1e-300)));
  for (float& value : wave.samples) value *= gain;
  return wave;
}

}  // namespace

io::Waveform pink_noise(uint64_t key, size_t samples) {
  return with_power_one(
      filtered(white_noise(key, samples), [](double hertz) { return hertz < kLowest ? 0 : 1 / std::sqrt(hertz); }));
}

void SpeechSpectrum::add(const io::Waveform& utterance) {
  sums_.resize(kWindow / 2 + 1);
  std::vector<double> windows;
  for (size_t start = 0; start + kWindow <= utterance.samples.size(); start += kHop) {
    for (size_t i = 0; i < kWindow; ++i) {
      const double hann = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) / kWindow);
      windows.push_back(hann * utterance.samples[start + i]);
    }
    ++windows_;
  }
  const std::vector<double> powers = power_spectra(std::move(windows), kWindow);
  for (size_t i = 0; i < powers.size(); ++i) sums_[i % sums_.size()] += powers[i];
}

double SpeechSpectrum::power(double hertz) const {
  const double place = std::clamp(hertz * kWindow / io::kSampleRate, 0.0, static_cast<double>(kWindow / 2));
  const auto below = std::min(static_cast<size_t>(place), sums_.size() - 2);
  const double part = place - static_cast<double>(below);
  return ((1 - part) * sums_[below] + part * sums_[below + 1]) / static_cast<double>(windows_);
}

io::Waveform SpeechSpectrum::noise(uint64_t key, size_t samples) const {
  if (empty() || std::all_of(sums_.begin(), sums_.end(), [](double sum) { return sum == 0; }))
    throw std::logic_error("[noise] there is no speech to take a spectrum of");
  return with_power_one(filtered(white_noise(key, samples), [this](double hertz) { return std::sqrt(power(hertz)); }));
}

}  // namespace avsr::preprocessing
