// Mono sound from any rate to 16 kHz, sample for sample in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "io/ffmpeg_handles.h"

namespace avsr::io {

// Output sample s is the sound at s/16000 s of the input: the filter's delay is compensated. After finish() exactly
// round(n x 16000 / rate) samples have come out for n that went in.
class MonoResampler {
 public:
  explicit MonoResampler(int rate);  // throws std::invalid_argument unless 1000..768000

  void push(const float* samples, size_t count, std::vector<float>& out);  // appends to out
  void finish(std::vector<float>& out);

 private:
  void convert(const float* samples, size_t count, std::vector<float>& out);

  int rate_;
  ffmpeg::Resampler context_;  // null at 16 kHz
  int64_t samples_in_ = 0, samples_out_ = 0;
};

}  // namespace avsr::io
