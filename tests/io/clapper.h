// A film clapper for tests: frames and sound with known content at known times.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "io/clip.h"

namespace avsr::io {

constexpr int kQuiet = 60, kFlash = 220;  // grey of ordinary frames and of the flash

// Uniform frames; the one at `flash` is bright, its first column dark so that orientation can be seen.
inline Frames flash_frames(int count, int flash, int height = 64, int width = 64) {
  Frames frames{count, height, width, {}};
  frames.pixels.assign(frames.frame_size() * static_cast<size_t>(count), kQuiet);
  if (flash >= 0) std::fill_n(frames.frame(flash), frames.frame_size(), static_cast<uint8_t>(kFlash));
  return frames;
}

// Silence with a 1 kHz tone burst of 20 ms from `at` on.
inline Waveform beep(double seconds, double at, int rate = kSampleRate) {
  Waveform audio;
  audio.samples.assign(static_cast<size_t>(std::llround(seconds * rate)), 0.f);
  const size_t first = static_cast<size_t>(std::llround(at * rate)), length = static_cast<size_t>(rate / 50);
  for (size_t i = first; i < std::min(first + length, audio.samples.size()); ++i) {
    audio.samples[i] =
        static_cast<float>(0.8 * std::sin(2 * std::numbers::pi * 1000 * static_cast<double>(i - first) / rate));
  }
  return audio;
}

inline Waveform tone(double seconds, double hertz, double amplitude = 0.5, int rate = kSampleRate) {
  Waveform audio;
  audio.samples.resize(static_cast<size_t>(std::llround(seconds * rate)));
  for (size_t i = 0; i < audio.samples.size(); ++i) {
    audio.samples[i] =
        static_cast<float>(amplitude * std::sin(2 * std::numbers::pi * hertz * static_cast<double>(i) / rate));
  }
  return audio;
}

// First frame brighter than the middle between quiet and flash; -1: none.
inline int flash_of(const Frames& frames) {
  for (int t = 0; t < frames.count; ++t) {
    double sum = 0;
    for (size_t i = 0; i < frames.frame_size(); ++i) sum += frames.frame(t)[i];
    if (sum / static_cast<double>(frames.frame_size()) > (kQuiet + kFlash) / 2.0) return t;
  }
  return -1;
}

// Middle of the sound's energy, in seconds: the burst's start + 10 ms. Sharper than a threshold where a codec smears
// the start.
inline double beep_middle_of(const Waveform& audio) {
  double energy = 0, moment = 0;
  for (size_t i = 0; i < audio.samples.size(); ++i) {
    const double e = static_cast<double>(audio.samples[i]) * audio.samples[i];
    energy += e;
    moment += e * static_cast<double>(i);
  }
  return energy > 0 ? moment / energy / kSampleRate : -1;
}

}  // namespace avsr::io
