// Compares a layer's gradients with central differences of dot(y, random).
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "models/layers/layer.h"
#include "models/layers/parameters.h"
#include "tests/models/test_backend.h"

namespace avsr::layers {

class LayerFixture : public ::testing::Test {
 protected:
  std::vector<float> random_values(int64_t count, float scale = 1) {
    std::normal_distribution<float> normal(0, scale);
    std::vector<float> v(static_cast<size_t>(count));
    for (float& x : v) x = normal(engine_);
    return v;
  }
  backend::Tensor random_tensor(const backend::Shape& shape) {
    return backend_->from_values(shape, random_values(shape.count()));
  }
  // Moves every weight and statistic away from its start: 1 and 0 would hide mistakes.
  void perturb() {
    for (Parameter* p : arena_.all()) {
      auto values = backend_->values(p->value);
      const auto noise = random_values(p->value.shape.count(), p->statistic ? 0.1f : 0.05f);
      for (size_t i = 0; i < values.size(); ++i) values[i] += noise[i];
      backend_->upload(values.data(), p->value);
    }
    arena_.touch();
  }
  static double dot(const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
    return sum;
  }

  struct Functions {
    std::function<backend::Tensor()> forward;  // reads x and the parameters
    std::function<void(backend::Tensor& dy, backend::Tensor& dx)> backward;
  };
  // Statistics are put back after each forward call, so that it is a function of x and the weights alone.
  void check_gradients(backend::Tensor x, const Functions& f, bool check_x = true) {
    const auto statistics = backend_->values(arena_.statistics());
    const auto run = [&] {
      const auto y = backend_->values(f.forward());
      backend_->upload(statistics.data(), arena_.statistics());
      arena_.touch();
      return y;
    };
    const auto probe = random_values(static_cast<int64_t>(run().size()));
    const auto noise = random_values(arena_.gradients().shape.count());
    backend_->upload(noise.data(), arena_.gradients());
    const backend::Tensor y = f.forward();
    backend_->upload(statistics.data(), arena_.statistics());
    backend::Tensor dy = backend_->from_values(y.shape, probe);
    backend::Tensor dx = backend_->zeros(x.shape);
    backend_->fill(dx, std::numeric_limits<float>::infinity());
    f.backward(dy, dx);

    auto gradient = backend_->values(arena_.gradients());
    for (size_t i = 0; i < gradient.size(); ++i) gradient[i] -= noise[i];  // backward must add
    int64_t first = 0;
    for (Parameter* p : arena_.all()) {
      if (p->statistic) continue;
      const int64_t count = p->value.shape.count();
      const std::vector<float> g(gradient.begin() + first, gradient.begin() + first + count);
      first += count;
      compare(p->name, p->value, g, probe, run);
    }
    if (check_x) {
      ASSERT_EQ(dx.shape, x.shape);
      compare("x", x, backend_->values(dx), probe, run);
    }
  }

  std::unique_ptr<backend::Backend> backend_ = backend::test::make_test_backend();
  ParameterArena arena_;
  Scratch scratch_;
  std::mt19937 engine_{2};

 private:
  // Directional derivatives along random sign vectors.
  void compare(const std::string& name, const backend::Tensor& at, const std::vector<float>& gradient,
               const std::vector<float>& probe, const std::function<std::vector<float>()>& run) {
    const auto start = backend_->values(at);
    const double norm = std::sqrt(dot(gradient, gradient));
    ASSERT_TRUE(std::isfinite(norm)) << name;
    EXPECT_GT(norm, 0) << name;
    const float step = 2e-4f;
    const auto output = run();
    const double at_start = dot(output, probe), tolerance = 0.02 * norm + 5e-3;
    // What the slopes may differ by because the value at the start is itself rounded.
    double squares = 0;
    for (size_t i = 0; i < output.size(); ++i) squares += std::pow(static_cast<double>(output[i]) * probe[i], 2);
    const double rounding = 2 * std::numeric_limits<float>::epsilon() * std::sqrt(squares) / step;
    const auto slope = [&](const std::vector<float>& direction, float signed_step) {
      auto moved = start;
      for (size_t i = 0; i < moved.size(); ++i) moved[i] += signed_step * direction[i];
      backend_->upload(moved.data(), at);
      arena_.touch();
      const double value = dot(run(), probe);
      backend_->upload(start.data(), at);
      arena_.touch();
      return (value - at_start) / signed_step;
    };
    int smooth = 0;
    for (int trial = 0; trial < 40 && smooth < 4; ++trial) {
      std::vector<float> direction(start.size());
      for (float& d : direction) d = engine_() & 1 ? 1.0f : -1.0f;
      const double ahead = slope(direction, step), behind = slope(direction, -step);
      // Where a ReLU crosses its kink inside the step the two slopes differ, and say nothing about the gradient.
      if (std::abs(ahead - behind) > tolerance + rounding) continue;
      ++smooth;
      EXPECT_NEAR((ahead + behind) / 2, dot(gradient, direction), tolerance) << name;
    }
    EXPECT_EQ(smooth, 4) << name << ": too few directions without a kink; take another seed";
  }
};

}  // namespace avsr::layers
