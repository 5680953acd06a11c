// The sound's Fourier transform at any length, by OpenCV: for shaping noise and for rooms. (MFCC has its own small one,
// preprocessing/fft.h.)
#pragma once

#include <cstddef>
#include <functional>

#include "io/clip.h"

namespace avsr::preprocessing {

// The wave with each frequency multiplied by amplitude(hertz), from 0 to half the sample rate; the phases stay.
io::Waveform filtered(const io::Waveform& wave, const std::function<double(double hertz)>& amplitude);

// The linear convolution of both, wave.samples.size() + kernel.samples.size() - 1 samples; empty where one is empty.
io::Waveform convolved(const io::Waveform& wave, const io::Waveform& kernel);

}  // namespace avsr::preprocessing
