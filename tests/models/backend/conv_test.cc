#include <gtest/gtest.h>

#include <string>

#include <algorithm>

#include "tests/models/backend/private_layout.h"
#include "tests/models/backend/reference.h"
#include "tests/models/test_backend.h"

namespace avsr::backend {
namespace {

using test::Values;

struct Case {
  const char* name;
  ConvSpec spec;
  Shape x;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

ConvSpec spec_of(int in, int out, std::array<int, 3> kernel, std::array<int, 3> stride, std::array<int, 3> padding) {
  return {.in_channels = in, .out_channels = out, .kernel = kernel, .stride = stride, .padding = padding};
}

// Along time, as many steps out as in.
ConvSpec dilated(int in, int out, int kernel, int dilation) {
  return {.in_channels = in,
          .out_channels = out,
          .kernel = {1, 1, kernel},
          .padding = {0, 0, dilation * (kernel - 1) / 2},
          .dilation = {1, 1, dilation}};
}

std::vector<Case> cases() {
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
      {"dilated_3_by_2", dilated(32, 16, 3, 2), {2, 1, 29, 32}},
      {"dilated_5_by_4", dilated(24, 8, 5, 4), {3, 1, 29, 24}},
      {"dilated_7_by_8", dilated(48, 16, 7, 8), {2, 1, 9, 48}},
      {"dilated_one_channel", dilated(1, 8, 3, 2), {2, 1, 12, 1}},
      {"dilated_2_d",
       {.in_channels = 16, .out_channels = 16, .kernel = {1, 3, 3}, .padding = {0, 2, 3}, .dilation = {1, 2, 3}},
       {2, 9, 8, 16}},
      {"sound_front_one_clip", spec_of(1, 16, {1, 1, 80}, {1, 1, 4}, {0, 0, 38}), {1, 1, 1284, 1}},
  };
}

std::string name_of(const ::testing::TestParamInfo<Case>& test) { return test.param.name; }

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

  std::unique_ptr<Backend> made_ = test::make_test_backend(2);
  Backend& backend_ = *made_;
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
  const Values scale_values = backend_.values(scale), residual_values = backend_.values(residual);
  Values scaled = backend_.values(w_);
  const size_t row = scaled.size() / static_cast<size_t>(spec_.out_channels);
  for (size_t i = 0; i < scaled.size(); ++i) scaled[i] *= scale_values[i / row];
  std::vector<double> plain = reference_.forward(backend_.values(x_), scaled, backend_.values(b_));
  std::vector<double> with_residual = plain;
  for (size_t i = 0; i < plain.size(); ++i) with_residual[i] += residual_values[i];
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
  Tensor shared = test::as_activation(backend_, residual);  // the residual in y's own memory
  conv_->infer(x_, packed, b_, shared, false, shared);
  EXPECT_LT(test::worst_error(backend_.values(shared), with_residual), tolerance_);
}

TEST_P(ConvTest, AcceptsItsInputInEitherLayout) {
  if (spec_.in_channels == 1) GTEST_SKIP() << "one-channel input is always channels last";
  Tensor a, b;
  conv_->forward(x_, w_, {}, a);
  conv_->forward(test::as_activation(backend_, x_), w_, {}, b);
  EXPECT_EQ(backend_.values(a), backend_.values(b));
}

INSTANTIATE_TEST_SUITE_P(Shapes, ConvTest, ::testing::ValuesIn(cases()), name_of);

TEST(ConvPackTest, OnePackServesEveryBatchSize) {
  const auto made = test::make_test_backend(2);
  Backend& backend = *made;
  const ConvSpec spec = spec_of(32, 32, {1, 3, 3}, {1, 1, 1}, {0, 1, 1});
  const Tensor w = test::random_tensor(backend, {32, 1, 3, 3, 32}, 1, 0.1f),
               x = test::random_tensor(backend, {4, 8, 8, 32}, 2);
  const Values x_values = backend.values(x);
  Tensor packed, y4, y1, x1 = backend.from_values({1, 8, 8, 32}, std::span(x_values).first(8 * 8 * 32));
  backend.conv(spec, {4, 8, 8, 32})->pack(w, {}, packed);
  backend.conv(spec, {4, 8, 8, 32})->infer(x, packed, {}, {}, true, y4);
  backend.conv(spec, {1, 8, 8, 32})->infer(x1, packed, {}, {}, true, y1);
  const Values all = backend.values(y4);
  const Values one = backend.values(y1);
  EXPECT_LT(test::worst_error(one, std::vector<double>(all.begin(), all.begin() + static_cast<long>(one.size()))),
            1e-5);
}

TEST(ConvErrorTest, NamesWhatDoesNotFit) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  EXPECT_THROW(backend.conv(spec_of(16, 16, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {2, 8, 8, 32}), std::invalid_argument);
  EXPECT_THROW(backend.conv(spec_of(16, 16, {1, 1, 5}, {1, 1, 1}, {0, 0, 0}), {2, 1, 3, 16}), std::invalid_argument);
  auto conv = backend.conv(spec_of(16, 16, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {2, 8, 8, 16});
  Tensor y;
  const Tensor x = test::filled(backend, {2, 8, 8, 16}, 0), w = test::filled(backend, {16, 1, 3, 3, 15}, 0);
  EXPECT_THROW(conv->forward(x, w, {}, y), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::backend
