// Shared by the kernel tests: seeded values, and gradients against central differences of a double-precision reference.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "tests/models/test_backend.h"

namespace avsr::backend::testing {

using Doubles = std::vector<double>;

inline std::vector<float> random_values(int64_t count, uint32_t seed, float scale = 1) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-scale, scale);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = uniform(generator);
  return values;
}

inline Tensor random_tensor(Backend& backend, const Shape& shape, uint32_t seed, float scale = 1) {
  return backend.from_values(shape, random_values(shape.count(), seed, scale));
}

inline Tensor filled(Backend& backend, const Shape& shape, float value) {
  Tensor t = backend.zeros(shape);
  backend.fill(t, value);
  return t;
}

inline Doubles doubles(const std::vector<float>& values) { return {values.begin(), values.end()}; }
inline Doubles doubles(Backend& backend, const Tensor& t) { return doubles(backend.values(t)); }

inline double dot(const Doubles& a, const Doubles& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

inline void expect_near(const std::vector<float>& got, const Doubles& expected, double tolerance, const char* what) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], tolerance) << what << ", element " << i;
}

// Compares `gradient` with (f(v + h) - f(v - h)) / 2h at up to `samples` elements of v, spread evenly; f reads v.
inline void expect_gradient(const std::function<double()>& f, Doubles& v, const std::vector<float>& gradient,
                            double tolerance, const char* what, size_t samples = 150) {
  ASSERT_EQ(v.size(), gradient.size()) << what;
  const size_t step = std::max<size_t>(1, v.size() / samples);
  constexpr double kH = 1e-5;
  for (size_t i = 0; i < v.size(); i += step) {
    const double kept = v[i];
    v[i] = kept + kH;
    const double above = f();
    v[i] = kept - kH;
    const double below = f();
    v[i] = kept;
    ASSERT_NEAR(gradient[i], (above - below) / (2 * kH), tolerance) << what << ", element " << i;
  }
}

inline std::vector<float> difference(const std::vector<float>& a, const std::vector<float>& b) {
  std::vector<float> result(a.size());
  for (size_t i = 0; i < a.size(); ++i) result[i] = a[i] - b[i];
  return result;
}

}  // namespace avsr::backend::testing
