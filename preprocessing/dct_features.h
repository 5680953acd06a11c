// The hand-made rival of learnt visual features: the lowest frequencies of the mouth's picture, with their derivatives.
#pragma once

#include <vector>

#include "io/clip.h"
#include "preprocessing/features.h"

namespace avsr::preprocessing {

// Coefficients of the two-dimensional DCT of each mouth crop: transforms of the picture read lips better than the lips'
// contour does (Potamianos, Graf and Cosatto 1998), and the low frequencies hold most of it (Seymour, Stewart and Ming
// 2008 compare transforms and choices). They are taken in JPEG's zigzag order, from the crop's brightness on, so with
// any number of them all lower frequencies are there. Own sums rather than OpenCV's dct, which makes all coefficients,
// of even sizes only.
class DctFeatures {
 public:
  // For crops of size x size. Throws std::invalid_argument unless there are 1 to size * size coefficients.
  DctFeatures(int coefficients, int size);

  int features() const { return 3 * static_cast<int>(order_.size()); }
  // (T, size, size) grey levels -> (T, features()): coefficients of the orthonormal DCT-II, then their first and their
  // second derivatives. Thread-safe. Throws std::invalid_argument for crops of another size.
  Features compute(const io::Frames& mouth) const;

 private:
  struct Frequency {
    int vertical, horizontal;
  };
  void transform(const uint8_t* pixels, std::vector<double>& rows, float* coefficients) const;

  int size_;
  std::vector<Frequency> order_;
  int frequencies_ = 0;          // of each axis that order_ has
  std::vector<double> cosines_;  // (size, frequencies): the DCT's rows side by side
};

}  // namespace avsr::preprocessing
