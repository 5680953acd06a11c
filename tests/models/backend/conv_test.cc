#include <gtest/gtest.h>

#include <set>
#include <string>

#include <algorithm>

#include "models/backend/cpu/cpu_backend.h"
#include "models/backend/cpu/onednn.h"
#include "tests/models/backend/reference.h"

namespace avsr::backend {
namespace {

using test::Values;

struct Case {
  const char* name;
  ConvSpec spec;
  Shape x;
  int channel_block = 0;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

ConvSpec spec_of(int in, int out, std::array<int, 3> kernel, std::array<int, 3> stride, std::array<int, 3> padding) {
  return {.in_channels = in, .out_channels = out, .kernel = kernel, .stride = stride, .padding = padding};
}

std::vector<Case> plain_cases() {
  return {
      {"trunk_3x3", spec_of(64, 64, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {3, 11, 11, 64}},
      {"trunk_3x3_wide", spec_of(128, 128, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {2, 6, 6, 128}},
      {"trunk_3x3_small", spec_of(128, 128, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {5, 3, 3, 128}},
      {"trunk_3x3_one_pixel", spec_of(48, 48, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {5, 1, 1, 48}},
      {"trunk_3x3_stride", spec_of(32, 64, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}), {3, 11, 11, 32}},
      {"shortcut", spec_of(32, 64, {1, 1, 1}, {1, 2, 2}, {0, 0, 0}), {3, 11, 11, 32}},
      {"channels_24_40", spec_of(24, 40, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {2, 7, 5, 24}},
      {"channels_3_3", spec_of(3, 3, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {2, 7, 6, 3}},
      {"channels_40_1", spec_of(40, 1, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {2, 5, 6, 40}},
      {"more_frames_than_a_chunk", spec_of(32, 32, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {250, 3, 3, 32}},
      {"sound_3", spec_of(24, 48, {1, 1, 3}, {1, 1, 2}, {0, 0, 1}), {3, 1, 41, 24}},
      {"temporal_5", spec_of(32, 64, {1, 1, 5}, {1, 1, 2}, {0, 0, 0}), {2, 1, 29, 32}},
      {"three_d", spec_of(5, 24, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}), {2, 4, 6, 6, 5}},
      {"three_d_to_depth_1", spec_of(16, 24, {3, 3, 3}, {1, 2, 2}, {0, 1, 1}), {2, 3, 6, 6, 16}},
      {"video_front", spec_of(1, 64, {5, 7, 7}, {1, 2, 2}, {0, 3, 3}), {2, 5, 30, 30, 1}},
      {"video_front_24", spec_of(1, 24, {5, 7, 7}, {1, 2, 2}, {0, 3, 3}), {7, 5, 12, 12, 1}},
      {"video_front_48", spec_of(1, 48, {3, 3, 5}, {1, 1, 1}, {1, 1, 2}), {2, 4, 6, 9, 1}},
      {"sound_front", spec_of(1, 64, {1, 1, 80}, {1, 1, 4}, {0, 0, 38}), {2, 1, 640, 1}},
      {"sound_front_one_clip", spec_of(1, 16, {1, 1, 80}, {1, 1, 4}, {0, 0, 38}), {1, 1, 1284, 1}},
  };
}

// Some of them again with the smaller channel blocks of a CPU without AVX-512.
std::vector<Case> cases() {
  std::vector<Case> all = plain_cases();
  const std::set<std::string> again{"trunk_3x3_wide", "trunk_3x3_stride", "shortcut",
                                    "channels_24_40", "channels_3_3",     "sound_3",
                                    "three_d",        "video_front_24",   "sound_front"};
  for (Case c : plain_cases()) {
    if (!again.contains(c.name)) continue;
    c.channel_block = 8;
    all.push_back(c);
  }
  return all;
}

std::string name_of(const ::testing::TestParamInfo<Case>& test) {
  return test.param.name + std::string(test.param.channel_block > 0 ? "_block_8" : "");
}

class ConvTest : public ::testing::TestWithParam<Case> {
 protected:
  ConvTest() {
    w_shape_ = {spec_.out_channels, spec_.kernel[0], spec_.kernel[1], spec_.kernel[2], spec_.in_channels};
    conv_ = backend_.conv(spec_, GetParam().x);
    x_ = test::random_tensor(backend_, GetParam().x, 1);
    w_ = test::random_tensor(backend_, w_shape_, 2, 0.2f);
    b_ = test::random_tensor(backend_, {spec_.out_channels}, 3);
    dy_ = test::random_tensor(backend_, conv_->output_shape(), 4);
  }

  cpu::CpuBackend backend_{2, GetParam().channel_block};
  ConvSpec spec_ = GetParam().spec;
  test::ReferenceConv reference_{spec_, GetParam().x};
  Shape w_shape_;
  std::shared_ptr<Conv> conv_;
  Tensor x_, w_, b_, dy_;
  const double tolerance_ = 2e-5;
};

TEST_P(ConvTest, ForwardMatchesDefinition) {
  Tensor y = test::filled(backend_, conv_->output_shape(), INFINITY);
  conv_->forward(x_, w_, {}, y);
  EXPECT_EQ(y.shape, conv_->output_shape());
  EXPECT_LT(test::worst_error(backend_.values(y), reference_.forward(backend_.values(x_), backend_.values(w_), {})),
            tolerance_);
  conv_->forward(x_, w_, b_, y);
  EXPECT_LT(test::worst_error(backend_.values(y),
                              reference_.forward(backend_.values(x_), backend_.values(w_), backend_.values(b_))),
            tolerance_);
}

TEST_P(ConvTest, PaddingChannelsStayZero) {
  Tensor y;
  backend_.resize_private(y, conv_->output_shape());
  std::fill_n(y.data(), backend_.storage_count(y), 7.0f);
  conv_->forward(x_, w_, b_, y);
  double sum = 0, expected = 0;
  for (int64_t i = 0; i < backend_.storage_count(y); ++i) sum += std::abs(y.data()[i]);
  for (float v : backend_.values(y)) expected += std::abs(v);
  EXPECT_NEAR(sum, expected, 1e-6 * expected);
}

TEST_P(ConvTest, BackwardDataOverwritesWithTheGradient) {
  Tensor dx = test::filled(backend_, GetParam().x, INFINITY);
  conv_->backward_data(dy_, w_, dx);
  EXPECT_EQ(dx.shape, GetParam().x);
  EXPECT_LT(test::worst_error(backend_.values(dx), reference_.backward_data(backend_.values(dy_), backend_.values(w_))),
            tolerance_);
}

TEST_P(ConvTest, BackwardWeightsAddsTheGradient) {
  const Values before = test::random_values(w_shape_.count(), 5),
               bias_before = test::random_values(spec_.out_channels, 6);
  Tensor dw = backend_.from_values(w_shape_, before), db = backend_.from_values({spec_.out_channels}, bias_before);
  conv_->backward_weights(x_, dy_, dw, db);
  std::vector<double> expected = reference_.backward_weights(backend_.values(x_), backend_.values(dy_));
  for (size_t i = 0; i < expected.size(); ++i) expected[i] += before[i];
  EXPECT_LT(test::worst_error(backend_.values(dw), expected), tolerance_);
  std::vector<double> bias(bias_before.begin(), bias_before.end());
  const Values dy = backend_.values(dy_);
  for (size_t i = 0; i < dy.size(); ++i) bias[i % bias.size()] += dy[i];
  EXPECT_LT(test::worst_error(backend_.values(db), bias), tolerance_);
  Tensor none, again = backend_.from_values(w_shape_, before);
  conv_->backward_weights(x_, dy_, again, none);
  EXPECT_LT(test::worst_error(backend_.values(again), expected), tolerance_);
}

TEST_P(ConvTest, InferFusesScaleBiasResidualAndRelu) {
  const Tensor scale = test::random_tensor(backend_, {spec_.out_channels}, 7);
  const Tensor residual = test::random_tensor(backend_, conv_->output_shape(), 8);
  Values scaled = backend_.values(w_);
  const size_t row = scaled.size() / static_cast<size_t>(spec_.out_channels);
  for (size_t i = 0; i < scaled.size(); ++i) scaled[i] *= scale.data()[i / row];
  std::vector<double> plain = reference_.forward(backend_.values(x_), scaled, backend_.values(b_));
  std::vector<double> with_residual = plain;
  for (size_t i = 0; i < plain.size(); ++i) with_residual[i] += residual.data()[i];
  auto relu = [](std::vector<double> v) {
    for (double& x : v) x = std::max(x, 0.0);
    return v;
  };
  Tensor packed, y = test::filled(backend_, conv_->output_shape(), INFINITY);
  conv_->pack(w_, scale, packed);
  conv_->infer(x_, packed, b_, {}, false, y);
  EXPECT_LT(test::worst_error(backend_.values(y), plain), tolerance_);
  conv_->infer(x_, packed, b_, {}, true, y);
  EXPECT_LT(test::worst_error(backend_.values(y), relu(plain)), tolerance_);
  conv_->infer(x_, packed, b_, residual, true, y);
  EXPECT_LT(test::worst_error(backend_.values(y), relu(with_residual)), tolerance_);
  Tensor shared;  // the residual in y's own memory
  if (residual.shape.rank() >= 4) backend_.to_private(residual, shared);
  conv_->infer(x_, packed, b_, shared, false, shared);
  EXPECT_LT(test::worst_error(backend_.values(shared), with_residual), tolerance_);
}

TEST_P(ConvTest, AcceptsItsInputInEitherLayout) {
  if (spec_.in_channels == 1) GTEST_SKIP() << "one-channel input is always channels last";
  Tensor blocked, a, b;
  backend_.to_private(x_, blocked);
  conv_->forward(x_, w_, {}, a);
  conv_->forward(blocked, w_, {}, b);
  EXPECT_EQ(backend_.values(a), backend_.values(b));
}

INSTANTIATE_TEST_SUITE_P(Shapes, ConvTest, ::testing::ValuesIn(cases()), name_of);

TEST(ConvPackTest, OnePackServesEveryBatchSize) {
  cpu::CpuBackend backend(2);
  const ConvSpec spec = spec_of(32, 32, {1, 3, 3}, {1, 1, 1}, {0, 1, 1});
  const Tensor w = test::random_tensor(backend, {32, 1, 3, 3, 32}, 1, 0.1f),
               x = test::random_tensor(backend, {4, 8, 8, 32}, 2);
  Tensor packed, y4, y1, x1 = backend.from_values({1, 8, 8, 32}, std::span(x.data(), 8 * 8 * 32));
  backend.conv(spec, {4, 8, 8, 32})->pack(w, {}, packed);
  backend.conv(spec, {4, 8, 8, 32})->infer(x, packed, {}, {}, true, y4);
  backend.conv(spec, {1, 8, 8, 32})->infer(x1, packed, {}, {}, true, y1);
  const Values all = backend.values(y4);
  const Values one = backend.values(y1);
  EXPECT_LT(test::worst_error(one, std::vector<double>(all.begin(), all.begin() + static_cast<long>(one.size()))),
            1e-5);
}

TEST(ConvErrorTest, NamesWhatDoesNotFit) {
  cpu::CpuBackend backend(1);
  EXPECT_THROW(backend.conv(spec_of(16, 16, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {2, 8, 8, 32}), std::invalid_argument);
  EXPECT_THROW(backend.conv(spec_of(16, 16, {1, 1, 5}, {1, 1, 1}, {0, 0, 0}), {2, 1, 3, 16}), std::invalid_argument);
  auto conv = backend.conv(spec_of(16, 16, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {2, 8, 8, 16});
  Tensor y;
  const Tensor x = test::filled(backend, {2, 8, 8, 16}, 0), w = test::filled(backend, {16, 1, 3, 3, 15}, 0);
  EXPECT_THROW(conv->forward(x, w, {}, y), std::invalid_argument);
}

// Every convolution and pooling of the networks, full-size and narrow, at few frames: the choice of kernel depends on
// channels and sizes.
TEST(ImplementationTest, NoReferenceKernelIsEverPicked) {
  cpu::CpuBackend backend(2);
  auto run = [&](const ConvSpec& spec, const Shape& shape) {
    const auto conv = backend.conv(spec, shape);
    const Tensor x = backend.zeros(shape);
    const Shape w_shape{spec.out_channels, spec.kernel[0], spec.kernel[1], spec.kernel[2], spec.in_channels};
    const Tensor w = backend.zeros(w_shape);
    Tensor y, dx, dw = backend.zeros(w_shape), none, packed;
    conv->pack(w, {}, packed);
    conv->infer(x, packed, {}, {}, true, y);
    conv->infer(x, packed, {}, y, true, y);
    conv->forward(x, w, {}, y);
    if (spec.in_channels > 1) conv->backward_data(y, w, dx);
    conv->backward_weights(x, y, dw, none);
  };
  auto pool = [&](const PoolSpec& spec, const Shape& shape) {
    const auto kernel = backend.pool(spec, shape);
    const Tensor x = backend.zeros(shape);
    Tensor y, saved, dx;
    kernel->forward(x, saved, y);
    kernel->backward(y, saved, dx);
  };
  const std::vector<std::vector<int>> widths{{64, 128, 256, 512}, {16, 24, 32, 48}, {24, 48, 96, 192}, {8, 16, 24, 40}};
  for (const std::vector<int>& c : widths) {
    run(spec_of(1, c[0], {5, 7, 7}, {1, 2, 2}, {0, 3, 3}), {2, 5, 88, 88, 1});
    pool({.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}, {2, 44, 44, c[0]});
    run(spec_of(1, c[0], {1, 1, 80}, {1, 1, 4}, {0, 0, 38}), {2, 1, 18560, 1});
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
    pool({.kind = PoolSpec::Kind::average, .kernel = {2, 2}, .stride = {2, 2}}, {2, 3, 3, c[3]});
    pool({.kind = PoolSpec::Kind::average, .kernel = {1, 20}, .stride = {1, 20}}, {2, 1, 580, c[3]});
    pool({.kind = PoolSpec::Kind::average, .kernel = {1, 21}, .stride = {1, 21}, .padding = {0, 1}}, {2, 1, 608, c[3]});
    run(spec_of(c[2], 2 * c[2], {1, 1, 5}, {1, 1, 2}, {0, 0, 0}), {2, 1, 29, c[2]});
    pool({.kernel = {1, 2}, .stride = {1, 2}}, {2, 1, 13, 2 * c[2]});
    run(spec_of(2 * c[2], 4 * c[2], {1, 1, 5}, {1, 1, 2}, {0, 0, 0}), {2, 1, 6, 2 * c[2]});
  }
  EXPECT_GT(backend.onednn().implementations().size(), 100U);
  for (const std::string& name : backend.onednn().implementations()) {
    const std::string implementation = name.substr(name.rfind(": ") + 2);
    EXPECT_EQ(implementation.find("ref"), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace avsr::backend
