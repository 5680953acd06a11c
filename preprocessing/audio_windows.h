// Cutting sound into overlapping windows: the one place that decides how many there are and where they lie.
#pragma once

#include <cstddef>

#include "io/clip.h"

namespace avsr::preprocessing {

// How the ends of a clip are treated.
enum class WindowEnds {
  whole,    // only windows that lie wholly inside: 1 + floor((S - window) / step), 0 when S < window
  zeros,    // window i is centred on step i: starts at i * step + step / 2 - window / 2; floor(S / step) windows (at
            // least 1 for S > 0), samples beyond the ends are 0. Keeps step with the video: 4 windows of 10 ms a frame
  reflect,  // as zeros, but samples beyond the ends are mirrored without repeating the edge
};

struct WindowSettings {
  double window_ms = 40, step_ms = 10;
  WindowEnds ends = WindowEnds::zeros;
  int sample_rate = io::kSampleRate;
  int window_samples() const;
  int step_samples() const;
  void validate() const;  // throws std::invalid_argument: window and step are positive whole numbers of samples
};

int count_windows(const WindowSettings& settings, size_t samples);
// First sample of window i, negative before the clip's start.
long window_start(const WindowSettings& settings, int i);
// Copies window i (window_samples() floats) out of the waveform.
void copy_window(const WindowSettings& settings, const io::Waveform& wave, int i, float* out);

}  // namespace avsr::preprocessing
