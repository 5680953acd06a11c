// Hand-made features over time, and what those of the sound (mfcc.h) and of the mouth (dct_features.h) have in common.
#pragma once

#include <cstddef>
#include <vector>

namespace avsr::preprocessing {

// (N, D) values, row-major.
struct Features {
  int count = 0, dimension = 0;
  std::vector<float> values;
  const float* row(int i) const { return values.data() + static_cast<size_t>(i) * dimension; }
};

// Of D = 3 C columns the first C are given. Writes their first derivatives to the next C columns and the second ones to
// the last: d[t] = sum_{n=1,2} n (c[t+n] - c[t-n]) / (2 (1 + 4)), the regression of HTK, ends repeated.
void fill_derivatives(Features& features);

// Rows 0 … rows - 1 of the orthonormal DCT-II of `length` values, (rows, length) row-major:
// sqrt((k == 0 ? 1 : 2) / length) cos(pi k (i + 1/2) / length).
std::vector<double> dct_rows(int rows, int length);

}  // namespace avsr::preprocessing
