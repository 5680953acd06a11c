// What stands between cuDNN's CTC and ours: layouts, and what the library is not asked.
#include "models/backend/cuda/ctc.h"

#include <gtest/gtest.h>

#include <limits>

namespace avsr::backend::cuda {
namespace {

TEST(CudaCtc, PutsStepsFirst) {
  CudaBackend backend{GpuSettings{}};
  const std::vector<float> values{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const Tensor x = backend.from_values({2, 3, 2}, values);  // B, T, V
  Tensor y;
  steps_first(backend, x, 2, y);
  EXPECT_EQ(y.shape, (Shape{2, 2, 2}));
  EXPECT_EQ(backend.values(y), (std::vector<float>{0, 1, 6, 7, 2, 3, 8, 9}));
}

TEST(CudaCtc, GivesTheLossOfALabelAndItsMeansGradient) {
  CudaBackend backend{GpuSettings{}};
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> cost{6, 5}, sums{1, 2, 10, 20, 3, 4, nan, nan}, before(12, nan);
  const Tensor costs = backend.from_values({2}, cost), gradient = backend.from_values({2, 2, 2}, sums);
  Tensor losses, dlogits = backend.from_values({2, 3, 2}, before);
  const Lengths lengths{2, 1}, texts{3, 0};
  losses_of_labels(backend, {costs.data(), gradient.data(), backend.on_device(lengths), backend.on_device(texts)},
                   losses, dlogits);
  EXPECT_EQ(backend.values(losses), (std::vector<float>{2, 5}));
  const std::vector<float> wanted{1.f / 6, 2.f / 6, 3.f / 6, 4.f / 6, 0, 0, 5, 10, 0, 0, 0, 0};
  const std::vector<float> found = backend.values(dlogits);
  for (size_t i = 0; i < wanted.size(); ++i) EXPECT_FLOAT_EQ(found[i], wanted[i]) << i;
}

TEST(CudaCtc, AsksTheLibraryForWhatItTakes) {
  EXPECT_TRUE(cudnn_takes({3, 2}, {{1, 1}, {2}}, 3));
  EXPECT_FALSE(cudnn_takes({2, 2}, {{1, 1}, {2}}, 3)) << "a blank must part them";
  EXPECT_FALSE(cudnn_takes({3, 2}, {{1, 1}, {}}, 3)) << "an empty text";
  EXPECT_FALSE(cudnn_takes({3, 2}, {{1, 3}, {2}}, 3)) << "no symbol";
  EXPECT_FALSE(cudnn_takes({3, 2}, {{1, 0}, {2}}, 3)) << "the blank";
  EXPECT_FALSE(cudnn_takes({3, 2}, {{1}}, 3)) << "a text for each clip";
  std::vector<int> text;
  for (int i = 0; i < 255; ++i) text.push_back(1 + i % 2);
  EXPECT_TRUE(cudnn_takes({300}, {text}, 3));
  text.push_back(2);
  EXPECT_FALSE(cudnn_takes({300}, {text}, 3)) << "longer than documented";
}

}  // namespace
}  // namespace avsr::backend::cuda
