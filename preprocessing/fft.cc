#include "preprocessing/fft.h"

#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>
#include <utility>

namespace avsr::preprocessing {

int RealFft::size_for(int samples) {
  int size = 2;
  while (size < samples) size *= 2;
  return size;
}

RealFft::RealFft(int size) : size_(size) {
  if (size < 2 || (size & (size - 1)) != 0) {
    throw std::invalid_argument("[fft] expected a power of two of at least 2, got " + std::to_string(size));
  }
  const int half = size / 2;
  roots_.resize(half);
  for (int k = 0; k < half; ++k) roots_[k] = std::polar(1.0, -2 * std::numbers::pi * k / size);
  reversed_.assign(half, 0);
  for (int i = 1, j = 0; i < half; ++i) {
    int bit = half / 2;
    for (; j & bit; bit /= 2) j ^= bit;
    j |= bit;
    reversed_[i] = j;
  }
}

void RealFft::transform(std::vector<std::complex<double>>& values) const {
  const int count = size_ / 2;
  for (int i = 0; i < count; ++i) {
    if (i < reversed_[i]) std::swap(values[i], values[reversed_[i]]);
  }
  for (int length = 2; length <= count; length *= 2) {
    const int stride = size_ / length;
    for (int start = 0; start < count; start += length) {
      for (int k = 0; k < length / 2; ++k) {
        const std::complex<double> w = roots_[k * stride], a = values[start + k], b = values[start + k + length / 2];
        // Written out: operator* of std::complex also handles infinities, at three times the cost.
        const std::complex<double> t(w.real() * b.real() - w.imag() * b.imag(),
                                     w.real() * b.imag() + w.imag() * b.real());
        values[start + k] = a + t;
        values[start + k + length / 2] = a - t;
      }
    }
  }
}

// Even samples as real and odd as imaginary parts of one transform of half the size, then unravelled.
void RealFft::power_spectrum(std::vector<double>& values) const {
  const int half = size_ / 2;
  std::vector<std::complex<double>> z(half);
  for (int i = 0; i < half; ++i) z[i] = {values[2 * i], values[2 * i + 1]};
  transform(z);
  for (int k = 0; k <= half; ++k) {
    const std::complex<double> a = z[k % half], b = std::conj(z[(half - k) % half]);
    const std::complex<double> even = 0.5 * (a + b), difference = 0.5 * (a - b);
    const std::complex<double> odd(difference.imag(), -difference.real());  // difference / i
    const std::complex<double> root = k < half ? roots_[k] : std::complex<double>(-1, 0);
    values[k] = std::norm(even + root * odd);
  }
}

}  // namespace avsr::preprocessing
