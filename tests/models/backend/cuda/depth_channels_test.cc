// The video front-end's 3-D convolution as the 2-D one that cuDNN computes.
#include "models/backend/cuda/depth_channels.h"

#include <gtest/gtest.h>

#include "tests/models/backend/reference.h"

namespace avsr::backend::cuda {
namespace {

using backend::test::random_tensor;

class DepthChannels : public ::testing::Test {
 protected:
  CudaBackend backend_{GpuSettings{}};
  const ConvSpec deep_{1, 16, {5, 7, 7}, {1, 2, 2}, {0, 3, 3}}, flat_{8, 16, {1, 7, 7}, {1, 2, 2}, {0, 3, 3}};
  const Shape x_shape_{3, 5, 12, 10, 1};
  const Tensor x_ = random_tensor(backend_, x_shape_, 1), w_ = random_tensor(backend_, {16, 5, 7, 7, 1}, 2);
};

TEST_F(DepthChannels, FoldedConvolutionIsTheSame) {
  Tensor expected, folded_x, folded_w, got;
  make_column_conv(backend_, deep_, x_shape_)->forward(x_, w_, {}, expected);
  fold_depth(backend_, x_, 8, folded_x);
  fold_depth(backend_, w_, 8, folded_w);
  EXPECT_EQ(folded_x.shape, (Shape{3, 12, 10, 8}));
  make_column_conv(backend_, flat_, folded_x.shape)->forward(folded_x, folded_w.reshaped({16, 1, 7, 7, 8}), {}, got);
  EXPECT_EQ(got.shape, expected.shape);
  const std::vector<float> values = backend_.values(got), wanted = backend_.values(expected);
  for (size_t i = 0; i < values.size(); ++i) ASSERT_NEAR(values[i], wanted[i], 1e-4) << i;
}

TEST_F(DepthChannels, UnfoldingIsTheWayBackAndMayAdd) {
  Tensor folded, back;
  fold_depth(backend_, x_, 8, folded);
  backend_.resize(back, x_shape_);
  unfold_depth(backend_, folded, false, back);
  EXPECT_EQ(backend_.values(back), backend_.values(x_));
  unfold_depth(backend_, folded, true, back);
  const std::vector<float> twice = backend_.values(back), once = backend_.values(x_);
  for (size_t i = 0; i < once.size(); ++i) ASSERT_EQ(twice[i], 2 * once[i]) << i;
}

}  // namespace
}  // namespace avsr::backend::cuda
