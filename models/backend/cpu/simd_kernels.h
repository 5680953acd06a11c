// Note [One source, three instruction sets]
// The inner loops of batch norm and of the one-channel convolution are compiled three times from simd_kernels.inc: for
// AVX-512, AVX2 and the compiler's baseline (simd_*.cc; flags in CMakeLists.txt). The back end takes the best table
// that the CPU can run. The .inc files use no library code, so that nothing compiled for a newer CPU can leak into the
// rest.
#pragma once

#include "models/backend/cpu/batch_norm_strips.h"
#include "models/backend/cpu/single_channel_tiles.h"

namespace avsr::backend::cpu {

struct SimdKernels {
  // sum[lane] and squares[lane] (about the strip's own mean) of the valid positions.
  void (*strip_moments)(const Strip& s, const float* x, float* sum, float* squares);
  // residual may be null; y may be x or residual. Beyond the valid positions y = 0.
  void (*strip_apply)(const Strip& s, const StripAffine& p, const float* x, const float* residual, float* y);
  // sums: [0..lanes) of dz, [lanes..2 lanes) of dz * (x - mean). dz is also written where not null (may be dy).
  void (*strip_gradient_sums)(const Strip& s, const StripGradient& g, float* dz, float* sums);
  // dx = a * dz + b * (x - mean) + c. dx may be dy or x.
  void (*strip_gradient_apply)(const Strip& s, const StripGradient& g, const float* a, const float* b, const float* c,
                               float* dx);
  // Where arguments and shapes are explained.
  void (*single_channel_forward)(const SingleChannelShape& shape, const SingleChannelForward& a);
  void (*single_channel_gradient)(const SingleChannelShape& shape, const SingleChannelGradient& a);
};

const SimdKernels& simd_kernels();  // the best that this CPU runs

}  // namespace avsr::backend::cpu
