#include "preprocessing/noise.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "preprocessing/random.h"

namespace avsr::preprocessing {
namespace {

// Mean square of the first `used` samples of the wave repeated. Throws on a sample that is not finite.
double power_of(const io::Waveform& wave, size_t used, const std::string& clip, const char* what) {
  const size_t size = wave.samples.size();
  double once = 0, head = 0;
  const size_t rest = size == 0 ? 0 : used % size;
  for (size_t i = 0; i < std::min(size, used); ++i) {
    const double v = wave.samples[i];
    if (!std::isfinite(v)) {
      throw std::runtime_error(fmt::format("[noise] clip '{}': sample {} of the {} is not a number", clip, i, what));
    }
    once += v * v;
    if (i < rest) head += v * v;
  }
  if (size == 0 || used == 0) return 0;
  const double total = used < size ? once : once * static_cast<double>(used / size) + head;
  return total / static_cast<double>(used);
}

// A mean square below this is under the last bit of 24-bit sound: nothing there to measure against.
constexpr double kSilence = 1e-14;

}  // namespace

MixResult mix_noise(io::Waveform& speech, const io::Waveform& noise, double snr_db, const std::string& clip) {
  if (!std::isfinite(snr_db)) {
    throw std::invalid_argument(fmt::format("[noise] clip '{}': the SNR must be finite, got {}", clip, snr_db));
  }
  const size_t samples = speech.samples.size();
  const double speech_power = power_of(speech, samples, clip, "speech");
  const double noise_power = power_of(noise, samples, clip, "noise");
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
