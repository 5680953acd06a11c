// A one-channel 3-D convolution whose kernel is as deep as its input is a 2-D convolution with the depth as channels:
// that is what the video front-end is, and what cuDNN has fast kernels for, once the channels are a multiple of 8.
#pragma once

#include "models/backend/cuda/cuda_backend.h"

namespace avsr::backend::cuda {

inline constexpr int64_t kChannelMultiple = 8;

// x (N, D, H, W, 1) -> y (N, H, W, channels), y's channels from D on are zero. Weights are folded alike, N being their
// output channels.
void fold_depth(CudaBackend& backend, const Tensor& x, int64_t channels, Tensor& y);
// The way back, in the activation type; x has its shape already. With `add`, x is f32 and the values are added to it.
void unfold_depth(CudaBackend& backend, const Tensor& y, bool add, Tensor& x);

}  // namespace avsr::backend::cuda
