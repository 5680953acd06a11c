// Noise with a spectrum: pink, and that of speech.
#pragma once

#include <cstdint>
#include <vector>

#include "io/clip.h"

namespace avsr::preprocessing {

// Gaussian noise of power 1 whose power falls by 3 dB an octave from 20 Hz up; nothing below. The same for a key.
io::Waveform pink_noise(uint64_t key, size_t samples);

// The long-term average spectrum of speech (Byrne et al. 1994), measured on the utterances that it is given: the mean
// power at 257 frequencies from 0 to 8 kHz, over windows of 32 ms (Hann), every 16 ms.
class SpeechSpectrum {
 public:
  // Utterances count by their length and power; what is shorter than a window is left out.
  void add(const io::Waveform& utterance);
  bool empty() const { return windows_ == 0; }
  // Mean power at a frequency in hertz, interpolated linearly between those measured.
  double power(double hertz) const;
  // Gaussian noise of power 1 with this spectrum. Throws std::logic_error when empty() or silent.
  io::Waveform noise(uint64_t key, size_t samples) const;

 private:
  std::vector<double> sums_;  // of the power, by frequency
  int64_t windows_ = 0;
};

}  // namespace avsr::preprocessing
