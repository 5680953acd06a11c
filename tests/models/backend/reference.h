// Naive double-precision versions of the kernels and small helpers, for the tests of every back end.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "models/backend/backend.h"

namespace avsr::backend::test {

using Values = std::vector<float>;

inline Values random_values(int64_t count, unsigned seed, float deviation = 1) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0, deviation);
  Values v(static_cast<size_t>(count));
  for (float& x : v) x = normal(generator);
  return v;
}

inline Tensor random_tensor(Backend& backend, const Shape& shape, unsigned seed, float deviation = 1) {
  return backend.from_values(shape, random_values(shape.count(), seed, deviation));
}

inline Tensor filled(Backend& backend, const Shape& shape, float value) {
  return backend.from_values(shape, Values(static_cast<size_t>(shape.count()), value));
}

// Largest difference, relative to the largest magnitude expected (or 1e-6, when all are tiny).
inline double worst_error(const Values& got, const std::vector<double>& expected) {
  if (got.size() != expected.size()) return std::numeric_limits<double>::infinity();
  double worst = 0, largest = 1e-6;
  for (size_t i = 0; i < got.size(); ++i) {
    if (!std::isfinite(got[i])) return std::numeric_limits<double>::infinity();
    worst = std::max(worst, std::abs(got[i] - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  return worst / largest;
}

// A convolution written as its definition, visiting every (output, weight, input) triple once. x: (N, D, H, W, C).
struct ReferenceConv {
  ConvSpec spec;
  int64_t n = 1, d = 1, h = 1, w = 1;

  ReferenceConv(const ConvSpec& s, const Shape& x) : spec(s), n(x[0]) {
    if (x.rank() == 5) d = x[1];
    h = x[x.rank() - 3];
    w = x[x.rank() - 2];
  }
  int64_t out(int64_t size, size_t i) const {
    return (size + 2 * spec.padding[i] - spec.dilation[i] * (spec.kernel[i] - 1) - 1) / spec.stride[i] + 1;
  }
  int64_t x_count() const { return n * d * h * w * spec.in_channels; }
  int64_t y_count() const { return n * out(d, 0) * out(h, 1) * out(w, 2) * spec.out_channels; }
  int64_t w_count() const {
    return int64_t{spec.out_channels} * spec.kernel[0] * spec.kernel[1] * spec.kernel[2] * spec.in_channels;
  }

  // visit(index in y, index in w, index in x)
  template <typename Visit>
  void walk(Visit&& visit) const {
    const int64_t od = out(d, 0), oh = out(h, 1), ow = out(w, 2);
    int64_t y = 0;
    for (int64_t b = 0; b < n; ++b)
      for (int64_t p = 0; p < od * oh * ow; ++p)
        for (int64_t o = 0; o < spec.out_channels; ++o, ++y)
          for (int64_t k = 0; k < int64_t{spec.kernel[0]} * spec.kernel[1] * spec.kernel[2]; ++k) {
            const int64_t kz = k / (spec.kernel[1] * spec.kernel[2]), kr = k / spec.kernel[2] % spec.kernel[1];
            const int64_t z = p / (oh * ow) * spec.stride[0] + kz * spec.dilation[0] - spec.padding[0];
            const int64_t r = p / ow % oh * spec.stride[1] + kr * spec.dilation[1] - spec.padding[1];
            const int64_t c = p % ow * spec.stride[2] + k % spec.kernel[2] * spec.dilation[2] - spec.padding[2];
            if (z < 0 || z >= d || r < 0 || r >= h || c < 0 || c >= w) continue;
            const int64_t x = (((b * d + z) * h + r) * w + c) * spec.in_channels;
            const int64_t tap = (o * spec.kernel[0] * spec.kernel[1] * spec.kernel[2] + k) * spec.in_channels;
            for (int64_t i = 0; i < spec.in_channels; ++i) visit(y, tap + i, x + i);
          }
  }

  std::vector<double> forward(const Values& x, const Values& weights, const Values& bias) const {
    std::vector<double> y(static_cast<size_t>(y_count()), 0.0);
    if (!bias.empty())
      for (size_t i = 0; i < y.size(); ++i) y[i] = bias[i % bias.size()];
    walk([&](int64_t a, int64_t b, int64_t c) {
      y[static_cast<size_t>(a)] += static_cast<double>(weights[static_cast<size_t>(b)]) * x[static_cast<size_t>(c)];
    });
    return y;
  }
  std::vector<double> backward_data(const Values& dy, const Values& weights) const {
    std::vector<double> dx(static_cast<size_t>(x_count()), 0.0);
    walk([&](int64_t a, int64_t b, int64_t c) {
      dx[static_cast<size_t>(c)] += static_cast<double>(weights[static_cast<size_t>(b)]) * dy[static_cast<size_t>(a)];
    });
    return dx;
  }
  std::vector<double> backward_weights(const Values& x, const Values& dy) const {
    std::vector<double> dw(static_cast<size_t>(w_count()), 0.0);
    walk([&](int64_t a, int64_t b, int64_t c) {
      dw[static_cast<size_t>(b)] += static_cast<double>(x[static_cast<size_t>(c)]) * dy[static_cast<size_t>(a)];
    });
    return dw;
  }
};

}  // namespace avsr::backend::test
