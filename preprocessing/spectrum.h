// The sound's Fourier transform at any length, by OpenCV: for MFCC, for shaping noise and for rooms.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "io/clip.h"

namespace avsr::preprocessing {

// The wave with each frequency multiplied by amplitude(hertz), from 0 to half the sample rate; the phases stay.
io::Waveform filtered(const io::Waveform& wave, const std::function<double(double hertz)>& amplitude);

// The linear convolution of both, wave.samples.size() + kernel.samples.size() - 1 samples; empty where one is empty.
io::Waveform convolved(const io::Waveform& wave, const io::Waveform& kernel);

// |X[k]|^2, k = 0 … length / 2, of each row's discrete Fourier transform: (N, length) -> (N, length / 2 + 1),
// row-major. length is even.
std::vector<double> power_spectra(std::vector<double> rows, int length);

}  // namespace avsr::preprocessing
