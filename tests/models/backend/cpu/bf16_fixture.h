// A back end in bf16 beside one in f32, and the same values for both.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "models/backend/bf16.h"
#include "models/backend/cpu/cpu_backend.h"
#include "tests/models/backend/reference.h"

namespace avsr::backend::test {

// Skips where the CPU has no bf16. Values are ones that bf16 holds, so that what differs is the kernels' own rounding.
class Bf16Fixture : public ::testing::Test {
 protected:
  void SetUp() override {
    try {
      bf16_ = std::make_unique<cpu::CpuBackend>(1, 0, Precision::bf16);
    } catch (const std::runtime_error& error) {
      GTEST_SKIP() << error.what();
    }
  }

  static Values exact_values(const Shape& shape, unsigned seed, float deviation = 1) {
    Values v = random_values(shape.count(), seed, deviation);
    for (float& x : v) x = float_of_bf16(bf16_of_float(x));
    return v;
  }
  Tensor f32(const Shape& shape, const Values& values) { return f32_.from_values(shape, values); }
  // For the back end in bf16: as bf16, and as f32.
  Tensor half(const Shape& shape, const Values& values) {
    std::vector<uint16_t> halves(values.size());
    std::transform(values.begin(), values.end(), halves.begin(), bf16_of_float);
    Tensor t;
    bf16_->resize(t, shape, DType::bf16);
    bf16_->upload(halves.data(), t);
    return t;
  }
  Tensor full(const Shape& shape, const Values& values) { return bf16_->from_values(shape, values); }

  // `got`, of the given type, is `expected` to within `tolerance` of its largest value.
  void expect_close(const Tensor& got, DType type, const Tensor& expected, double tolerance, const char* what) {
    EXPECT_EQ(got.dtype, type) << what;
    ASSERT_EQ(got.shape, expected.shape) << what;
    const Values right = f32_.values(expected);
    EXPECT_LT(worst_error(bf16_->values(got), {right.begin(), right.end()}), tolerance) << what;
  }

  static constexpr double kRounding = 5e-3;  // bf16 keeps 8 bits
  cpu::CpuBackend f32_{1};
  std::unique_ptr<cpu::CpuBackend> bf16_;
};

}  // namespace avsr::backend::test
