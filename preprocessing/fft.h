// A small real Fourier transform in double precision. Own code rather than OpenCV's dft: forty lines keep the sound
// path free of OpenCV, and MFCC spends little of a clip's time here.
#pragma once

#include <complex>
#include <vector>

namespace avsr::preprocessing {

class RealFft {
 public:
  // size: a power of two, at least 2 (std::invalid_argument otherwise).
  explicit RealFft(int size);
  // The smallest power of two that holds `samples`, at least 2.
  static int size_for(int samples);
  int size() const { return size_; }
  // In: `size` real values. Out: the first size / 2 + 1 values are |X[k]|^2. Thread-safe.
  void power_spectrum(std::vector<double>& values) const;

 private:
  void transform(std::vector<std::complex<double>>& values) const;  // of size / 2 complex values
  int size_;
  std::vector<std::complex<double>> roots_;  // exp(-2 pi i k / size), k < size / 2
  std::vector<int> reversed_;                // bit-reversed indices below size / 2
};

}  // namespace avsr::preprocessing
