// oneDNN falls back to slow reference code without a word: the names of the implementations in use tell.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "models/backend/cpu/cpu_backend.h"
#include "models/backend/cpu/onednn.h"

namespace avsr::backend::cpu {
namespace {

ConvSpec spec_of(int in, int out, std::array<int, 3> kernel, std::array<int, 3> stride, std::array<int, 3> padding) {
  return {.in_channels = in, .out_channels = out, .kernel = kernel, .stride = stride, .padding = padding};
}

// Every convolution and pooling of the networks, full-size and narrow, at few frames: the choice of kernel depends on
// channels and sizes.
TEST(ImplementationTest, NoReferenceKernelIsEverPicked) {
  CpuBackend backend(2);
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
    for (const int dilation : {1, 2, 4, 8})
      for (const int kernel : {3, 5, 7}) {
        ConvSpec spec = spec_of(3 * c[2], c[2], {1, 1, kernel}, {1, 1, 1}, {0, 0, dilation * (kernel - 1) / 2});
        spec.dilation[2] = dilation;
        run(spec, {2, 1, 29, 3 * c[2]});
      }
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

TEST(ImplementationTest, NoReferenceLinearAtTheNetworksSizes) {
  CpuBackend backend(1);
  const Tensor w = backend.zeros({500, 1024}), b = backend.zeros({500});
  const Tensor x = backend.zeros({29, 1024}), dy = backend.zeros({29, 500});
  Tensor y, dx, dw = backend.zeros({500, 1024}), db = backend.zeros({500});
  backend.linear(1024, 500)->forward(x, w, b, y);
  backend.linear(1024, 500)->backward(x, dy, w, true, dx, dw, db);
  EXPECT_FALSE(backend.onednn().implementations().empty());
  for (const std::string& name : backend.onednn().implementations())
    EXPECT_EQ(name.find("ref"), std::string::npos) << name;
}

}  // namespace
}  // namespace avsr::backend::cpu
