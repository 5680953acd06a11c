// Arguments of the inner loops of the convolution of one input channel (simd_kernels.h), for one zero-padded input
// plane: no bounds to check.
#pragma once

#include <cstdint>

namespace avsr::backend::cpu {

// One plane set (depth, height, width) with its padding written out, and how the kernel walks over it.
struct SingleChannelShape {
  int64_t out_depth = 0, out_height = 0, out_width = 0;
  int64_t kernel_depth = 0, kernel_height = 0, kernel_width = 0;
  int64_t stride_depth = 0, stride_height = 0, stride_width = 0;
  int64_t plane_height = 0, plane_width = 0;  // of the padded input
  int64_t taps() const { return kernel_depth * kernel_height * kernel_width; }
  int64_t positions() const { return out_depth * out_height * out_width; }
};

// `blocks` (1 or 2) neighbouring blocks of output channels. y, residual: (blocks, positions, block), the blocks
// `block_distance` floats apart. w: (taps, 2, block). bias: (2, block). residual may be null.
struct SingleChannelForward {
  const float* x = nullptr;
  const float* w = nullptr;
  const float* bias = nullptr;
  const float* residual = nullptr;
  float* y = nullptr;
  int64_t block_distance = 0;
  int blocks = 2, lanes = 16;  // lanes: channels of a block, 16 or 8
  bool relu = false;
};

// dw += for one plane set: dw (taps, 2, block), dy as y above.
struct SingleChannelGradient {
  const float* x = nullptr;
  const float* dy = nullptr;
  float* dw = nullptr;
  int64_t block_distance = 0;
  int blocks = 2, lanes = 16;  // lanes: channels of a block, 16 or 8
};

}  // namespace avsr::backend::cpu
