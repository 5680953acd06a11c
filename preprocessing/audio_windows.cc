#include "preprocessing/audio_windows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace avsr::preprocessing {
namespace {

int samples_of(double milliseconds, int sample_rate, const char* what) {
  const double exact = milliseconds * sample_rate / 1000;
  const double rounded = std::round(exact);
  if (!(exact > 0) || rounded > 1e9 || std::abs(exact - rounded) > 1e-6 || rounded < 1) {
    throw std::invalid_argument(
        fmt::format("[audio windows] {} of {} ms is {} samples at {} Hz; expected a positive whole number of samples",
                    what, milliseconds, exact, sample_rate));
  }
  return static_cast<int>(rounded);
}

// Mirrors an index into [0, count) without repeating the edge: -1 -> 1, count -> count - 2.
long mirrored(long index, long count) {
  if (count == 1) return 0;
  const long period = 2 * (count - 1);
  index = ((index % period) + period) % period;
  return index < count ? index : period - index;
}

}  // namespace

int WindowSettings::window_samples() const { return samples_of(window_ms, sample_rate, "a window"); }
int WindowSettings::step_samples() const { return samples_of(step_ms, sample_rate, "a step"); }

void WindowSettings::validate() const {
  if (sample_rate <= 0) throw std::invalid_argument("[audio windows] the sample rate must be positive");
  window_samples();
  step_samples();
}

int count_windows(const WindowSettings& settings, size_t samples) {
  const size_t window = settings.window_samples(), step = settings.step_samples();
  if (samples == 0) return 0;
  if (settings.ends == WindowEnds::whole) {
    return samples < window ? 0 : static_cast<int>(1 + (samples - window) / step);
  }
  return static_cast<int>(std::max<size_t>(1, samples / step));
}

long window_start(const WindowSettings& settings, int i) {
  const long window = settings.window_samples(), step = settings.step_samples();
  const long start = i * step;
  return settings.ends == WindowEnds::whole ? start : start + step / 2 - window / 2;
}

void copy_window(const WindowSettings& settings, const io::Waveform& wave, int i, float* out) {
  const long window = settings.window_samples(), count = static_cast<long>(wave.samples.size());
  const long start = window_start(settings, i);
  const long first = std::clamp(-start, 0L, window), last = std::clamp(count - start, first, window);
  std::copy(wave.samples.begin() + (start + first), wave.samples.begin() + (start + last), out + first);
  const bool reflect = settings.ends == WindowEnds::reflect && count > 0;
  const auto outside = [&](long k) { return reflect ? wave.samples[mirrored(start + k, count)] : 0.0f; };
  for (long k = 0; k < first; ++k) out[k] = outside(k);
  for (long k = last; k < window; ++k) out[k] = outside(k);
}

}  // namespace avsr::preprocessing
