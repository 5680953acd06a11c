#include "models/backend/cpu/onednn.h"
#include "tests/models/backend/cpu/bf16_fixture.h"

namespace avsr::backend {
namespace {

using test::Values;

struct Case {
  const char* name;
  ConvSpec spec;
  Shape x;
};

ConvSpec spec_of(int in, int out, std::array<int, 3> kernel, std::array<int, 3> stride, std::array<int, 3> padding) {
  return {.in_channels = in, .out_channels = out, .kernel = kernel, .stride = stride, .padding = padding};
}

std::vector<Case> cases() {
  return {
      {"trunk_3x3", spec_of(64, 64, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {3, 11, 11, 64}},
      {"trunk_3x3_stride", spec_of(32, 64, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}), {3, 11, 11, 32}},
      {"shortcut", spec_of(32, 64, {1, 1, 1}, {1, 2, 2}, {0, 0, 0}), {3, 11, 11, 32}},
      {"small_map", spec_of(64, 80, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {5, 3, 3, 64}},
      {"small_map_stride", spec_of(64, 64, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}), {3, 11, 11, 64}},
      {"small_map_shortcut", spec_of(96, 64, {1, 1, 1}, {1, 2, 2}, {0, 0, 0}), {3, 11, 11, 96}},
      {"small_map_in_pieces", spec_of(256, 64, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {200, 5, 5, 256}},
      {"channels_24_40", spec_of(24, 40, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {2, 7, 5, 24}},
      {"channels_3_3", spec_of(3, 3, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {2, 7, 6, 3}},
      {"more_frames_than_a_chunk", spec_of(32, 32, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {250, 3, 3, 32}},
      {"sound_3", spec_of(24, 48, {1, 1, 3}, {1, 1, 2}, {0, 0, 1}), {3, 1, 41, 24}},
      {"three_d_to_depth_1", spec_of(16, 24, {3, 3, 3}, {1, 2, 2}, {0, 1, 1}), {2, 3, 6, 6, 16}},
      {"video_front", spec_of(1, 64, {5, 7, 7}, {1, 2, 2}, {0, 3, 3}), {2, 5, 30, 30, 1}},
      {"video_front_24", spec_of(1, 24, {5, 7, 7}, {1, 2, 2}, {0, 3, 3}), {7, 5, 12, 12, 1}},
      {"sound_front", spec_of(1, 40, {1, 1, 80}, {1, 1, 4}, {0, 0, 38}), {2, 1, 640, 1}},
  };
}

class Bf16ConvTest : public test::Bf16Fixture, public ::testing::WithParamInterface<Case> {
 protected:
  void SetUp() override {
    Bf16Fixture::SetUp();
    if (IsSkipped()) return;
    exact_ = f32_.conv(spec_, x_shape_);
    conv_ = bf16_->conv(spec_, x_shape_);
    y_shape_ = exact_->output_shape();
    w_shape_ = {spec_.out_channels, spec_.kernel[0], spec_.kernel[1], spec_.kernel[2], spec_.in_channels};
    x_ = exact_values(x_shape_, 1);
    w_ = exact_values(w_shape_, 2, 0.2f);
    b_ = exact_values({spec_.out_channels}, 3);
    dy_ = exact_values(y_shape_, 4);
  }

  ConvSpec spec_ = GetParam().spec;
  Shape x_shape_ = GetParam().x, y_shape_, w_shape_;
  std::shared_ptr<Conv> exact_, conv_;
  Values x_, w_, b_, dy_;
};

TEST_P(Bf16ConvTest, ForwardReadsBothTypesAndWritesBf16) {
  Tensor expected, y;
  exact_->forward(f32(x_shape_, x_), f32(w_shape_, w_), f32({spec_.out_channels}, b_), expected);
  const Tensor w = full(w_shape_, w_), b = full({spec_.out_channels}, b_);
  conv_->forward(half(x_shape_, x_), w, b, y);
  expect_close(y, DType::bf16, expected, kRounding, "of bf16");
  conv_->forward(full(x_shape_, x_), w, b, y);
  expect_close(y, DType::bf16, expected, kRounding, "of f32");
}

TEST_P(Bf16ConvTest, BackwardDataWritesBf16) {
  const DType type = spec_.in_channels == 1 ? DType::f32 : DType::bf16;  // raw input is f32
  Tensor expected, dx;
  exact_->backward_data(f32(y_shape_, dy_), f32(w_shape_, w_), expected);
  conv_->backward_data(half(y_shape_, dy_), full(w_shape_, w_), dx);
  expect_close(dx, type, expected, kRounding, "of bf16");
  conv_->backward_data(full(y_shape_, dy_), full(w_shape_, w_), dx);
  expect_close(dx, type, expected, kRounding, "of f32");
}

// Far closer than bf16 could hold: the sums are f32.
TEST_P(Bf16ConvTest, WeightGradientsAreSummedInF32) {
  const Values before = test::random_values(w_shape_.count(), 5), bias = test::random_values(spec_.out_channels, 6);
  Tensor dw = f32(w_shape_, before), db = f32({spec_.out_channels}, bias);
  exact_->backward_weights(f32(x_shape_, x_), f32(y_shape_, dy_), dw, db);
  Tensor got = full(w_shape_, before), got_bias = full({spec_.out_channels}, bias), none;
  conv_->backward_weights(half(x_shape_, x_), half(y_shape_, dy_), got, got_bias);
  expect_close(got, DType::f32, dw, 1e-4, "weights");
  expect_close(got_bias, DType::f32, db, 1e-4, "bias");
  got = full(w_shape_, before);
  conv_->backward_weights(half(x_shape_, x_), half(y_shape_, dy_), got, none);
  expect_close(got, DType::f32, dw, 1e-4, "without a bias");
}

TEST_P(Bf16ConvTest, InferFusesScaleBiasResidualAndRelu) {
  const Values scale = exact_values({spec_.out_channels}, 7), residual = exact_values(y_shape_, 8);
  Tensor packed, expected, plain;
  exact_->pack(f32(w_shape_, w_), f32({spec_.out_channels}, scale), packed);
  const Tensor b = f32({spec_.out_channels}, b_);
  exact_->infer(f32(x_shape_, x_), packed, b, {}, true, plain);
  exact_->infer(f32(x_shape_, x_), packed, b, f32(y_shape_, residual), true, expected);
  Tensor packed_here, y;
  const Tensor x = half(x_shape_, x_), b_here = full({spec_.out_channels}, b_);
  conv_->pack(full(w_shape_, w_), full({spec_.out_channels}, scale), packed_here);
  conv_->infer(x, packed_here, b_here, {}, true, y);
  expect_close(y, DType::bf16, plain, 2 * kRounding, "without a residual");  // the scaled weights are rounded too
  conv_->infer(x, packed_here, b_here, half(y_shape_, residual), true, y);
  expect_close(y, DType::bf16, expected, 2 * kRounding, "a residual in bf16");
  conv_->infer(x, packed_here, b_here, full(y_shape_, residual), true, y);
  expect_close(y, DType::bf16, expected, 2 * kRounding, "a residual in f32");
  Tensor shared = half(y_shape_, residual);
  const Tensor handle = shared;
  conv_->infer(x, packed_here, b_here, handle, true, shared);
  expect_close(shared, DType::bf16, expected, 2 * kRounding, "a residual in y's memory");
}

INSTANTIATE_TEST_SUITE_P(Shapes, Bf16ConvTest, ::testing::ValuesIn(cases()),
                         [](const auto& test) { return std::string(test.param.name); });

class Bf16KernelChoiceTest : public test::Bf16Fixture {};

TEST_F(Bf16KernelChoiceTest, NoReferenceKernelIsEverPicked) {
#ifdef AVSR_SANITIZE
  // Which kernel is chosen does not depend on our build.
  GTEST_SKIP() << "oneDNN 2.6 reads past its own memory when it makes AMX kernels, which ends one such run in dozens";
#endif
  auto run = [&](const ConvSpec& spec, const Shape& shape) {
    const auto conv = bf16_->conv(spec, shape);
    const Shape w_shape{spec.out_channels, spec.kernel[0], spec.kernel[1], spec.kernel[2], spec.in_channels};
    const Tensor x = bf16_->zeros(shape), w = bf16_->zeros(w_shape);
    Tensor y, dx, dw = bf16_->zeros(w_shape), none, packed;
    conv->pack(w, {}, packed);
    conv->infer(x, packed, {}, {}, true, y);
    conv->infer(x, packed, {}, y, true, y);
    conv->forward(x, w, {}, y);
    if (spec.in_channels > 1) conv->backward_data(y, w, dx);
    conv->backward_weights(x, y, dw, none);
  };
  auto pool = [&](const PoolSpec& spec, const Shape& shape) {
    const auto kernel = bf16_->pool(spec, shape);
    Tensor y, saved, dx;
    kernel->forward(bf16_->zeros(shape), saved, y);
    kernel->backward(y, saved, dx);
  };
  for (const std::vector<int>& c : std::vector<std::vector<int>>{{64, 128, 256, 512}, {24, 48, 96, 192}}) {
    pool({.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}, {2, 44, 44, c[0]});
    int side = 22, length = 4640;
    for (size_t i = 0; i < 4; ++i) {
      if (i > 0) {
        run(spec_of(c[i - 1], c[i], {1, 3, 3}, {1, 2, 2}, {0, 1, 1}), {2, side, side, c[i - 1]});
        run(spec_of(c[i - 1], c[i], {1, 1, 1}, {1, 2, 2}, {0, 0, 0}), {2, side, side, c[i - 1]});
        run(spec_of(c[i - 1], c[i], {1, 1, 3}, {1, 1, 2}, {0, 0, 1}), {2, 1, length, c[i - 1]});
        run(spec_of(c[i - 1], c[i], {1, 1, 1}, {1, 1, 2}, {0, 0, 0}), {2, 1, length, c[i - 1]});
        side = (side + 1) / 2;
        length /= 2;
      }
      run(spec_of(c[i], c[i], {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {2, side, side, c[i]});
      run(spec_of(c[i], c[i], {1, 1, 3}, {1, 1, 1}, {0, 0, 1}), {2, 1, length, c[i]});
    }
    pool({.kind = PoolSpec::Kind::average, .kernel = {3, 3}}, {2, 3, 3, c[3]});
    pool({.kind = PoolSpec::Kind::average, .kernel = {1, 20}, .stride = {1, 20}}, {2, 1, 580, c[3]});
    run(spec_of(c[2], 2 * c[2], {1, 1, 5}, {1, 1, 2}, {0, 0, 0}), {2, 1, 29, c[2]});
    run(spec_of(2 * c[2], 4 * c[2], {1, 1, 5}, {1, 1, 2}, {0, 0, 0}), {2, 1, 6, 2 * c[2]});
  }
  const auto linear = bf16_->linear(512, 256);
  Tensor y, dx, dw = bf16_->zeros({256, 512}), db = bf16_->zeros({256});
  linear->forward(bf16_->zeros({58, 512}), dw, db, y);
  linear->backward(bf16_->zeros({58, 512}), y, dw, true, dx, dw, db);
  EXPECT_GT(bf16_->onednn().implementations().size(), 50U);
  for (const std::string& name : bf16_->onednn().implementations()) {
    const std::string implementation = name.substr(name.rfind(": ") + 2);
    EXPECT_EQ(implementation.find("ref"), std::string::npos) << name;
    const bool in_bf16 =  // the product of matrices takes either type; oneDNN 3 names AMX alone
        implementation.find("bf16") != std::string::npos || implementation.find("gemm") != std::string::npos ||
        implementation.find("amx") != std::string::npos;
    EXPECT_TRUE(in_bf16 || !name.starts_with("conv")) << name;
  }
}

}  // namespace
}  // namespace avsr::backend
