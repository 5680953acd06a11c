#include "preprocessing/noise.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "preprocessing/random.h"

namespace avsr::preprocessing {
namespace {

constexpr size_t kStretch = io::kSampleRate / 50;  // 20 ms
constexpr double kActiveRange = 35;                // dB below the loudest stretch

// Mean square of the wave, repeated to `used` samples, over the samples that count (all where `counts` is empty).
// Throws on a sample that is not finite.
double power_of(const io::Waveform& wave, size_t used, const std::vector<uint8_t>& counts, const std::string& clip,
                const char* what) {
  double sum = 0;
  size_t counted = 0;
  for (size_t i = 0; i < used && !wave.samples.empty(); ++i) {
    const size_t place = i % wave.samples.size();
    const double v = wave.samples[place];
    if (!std::isfinite(v))
      throw std::runtime_error(
          fmt::format("[noise] clip '{}': sample {} of the {} is not a number", clip, place, what));
    if (!counts.empty() && !counts[i]) continue;
    sum += v * v;
    ++counted;
  }
  return counted == 0 ? 0 : sum / static_cast<double>(counted);
}

// A mean square below this is under the last bit of 24-bit sound: nothing there to measure against.
constexpr double kSilence = 1e-14;

}  // namespace

std::vector<uint8_t> active_samples(const io::Waveform& speech) {
  const size_t samples = speech.samples.size();
  std::vector<double> powers;
  for (size_t start = 0; start < samples; start += kStretch) {
    const size_t end = std::min(samples, start + kStretch);
    double sum = 0;
    for (size_t i = start; i < end; ++i) sum += double{speech.samples[i]} * speech.samples[i];
    powers.push_back(sum / static_cast<double>(end - start));
  }
  const double loudest = powers.empty() ? 0 : *std::max_element(powers.begin(), powers.end());
  std::vector<uint8_t> active(samples, 0);
  if (loudest <= kSilence) return active;
  for (size_t i = 0; i < samples; ++i)
    active[i] = powers[i / kStretch] >= loudest * std::pow(10, -kActiveRange / 10) ? 1 : 0;
  return active;
}

MixResult mix_noise(io::Waveform& speech, const io::Waveform& noise, double snr_db, const std::string& clip,
                    SnrOver over) {
  if (!std::isfinite(snr_db)) {
    throw std::invalid_argument(fmt::format("[noise] clip '{}': the SNR must be finite, got {}", clip, snr_db));
  }
  const size_t samples = speech.samples.size();
  const std::vector<uint8_t> counts = over == SnrOver::active_speech ? active_samples(speech) : std::vector<uint8_t>{};
  const double speech_power = power_of(speech, samples, counts, clip, "speech");
  const double noise_power = power_of(noise, samples, counts, clip, "noise");
  if (speech_power <= kSilence) return MixResult::silent_speech;
  if (noise_power <= kSilence) return MixResult::silent_noise;
  const double gain = std::sqrt(speech_power / noise_power) * std::pow(10, -snr_db / 20);
  for (size_t i = 0, k = 0; i < samples; ++i) {
    speech.samples[i] = static_cast<float>(speech.samples[i] + gain * noise.samples[k]);
    if (++k == noise.samples.size()) k = 0;
  }
  return MixResult::mixed;
}

io::Waveform white_noise(uint64_t key, size_t samples) {
  Random random(key);
  io::Waveform wave;
  wave.samples.resize(samples);
  for (float& v : wave.samples) v = static_cast<float>(random.normal());
  return wave;
}

io::Waveform change_speed(const io::Waveform& wave, double factor) {
  if (!(factor >= 0.25 && factor <= 4)) {
    throw std::invalid_argument(fmt::format("[noise] expected a speed between 0.25 and 4, got {}", factor));
  }
  const std::vector<float>& in = wave.samples;
  io::Waveform out;
  if (in.empty()) return out;
  out.samples.resize(static_cast<size_t>(static_cast<double>(in.size() - 1) / factor) + 1);
  for (size_t i = 0; i < out.samples.size(); ++i) {
    const double position = std::min(static_cast<double>(i) * factor, static_cast<double>(in.size() - 1));
    const auto k = static_cast<size_t>(position);
    const double part = position - static_cast<double>(k);
    const double next = k + 1 < in.size() ? in[k + 1] : in[k];
    out.samples[i] = static_cast<float>(in[k] + part * (next - in[k]));
  }
  return out;
}

}  // namespace avsr::preprocessing
