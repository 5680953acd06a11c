// Note [One source, three instruction sets]
// The inner loops of batch norm and of the one-channel convolution are compiled three times from simd_kernels.inc: for
// AVX-512, AVX2 and the compiler's baseline (simd_*.cc; flags in CMakeLists.txt). The back end takes the best table
// that the CPU can run. The .inc files use no library code, so that nothing compiled for a newer CPU can leak into the
// rest.
#pragma once

#include "models/backend/cpu/batch_norm_strips.h"
#include "models/backend/cpu/single_channel_tiles.h"

namespace avsr::backend::cpu {

// Of batch norm; the pointers to void are to elements of the type that the table is for.
struct StripKernels {
  // sum[lane] and squares[lane] (about the strip's own mean) of the valid positions.
  void (*moments)(const Strip& s, const void* x, float* sum, float* squares);
  // residual may be null; y may be x or residual. Beyond the valid positions y = 0.
  void (*apply)(const Strip& s, const StripAffine& p, const void* x, const void* residual, void* y);
  // sums: [0..lanes) of dz, [lanes..2 lanes) of dz * (x - mean). dz is also written where not null (may be dy).
  void (*gradient_sums)(const Strip& s, const StripGradient& g, void* dz, float* sums);
  // dx = a * dz + b * (x - mean) + c. dx may be dy or x.
  void (*gradient_apply)(const Strip& s, const StripGradient& g, const float* a, const float* b, const float* c,
                         void* dx);
};

struct SimdKernels {
  StripKernels strips;  // of f32
  // Where arguments and shapes are explained.
  void (*single_channel_forward)(const SingleChannelShape& shape, const SingleChannelForward& a);
  void (*single_channel_gradient)(const SingleChannelShape& shape, const SingleChannelGradient& a);
};

// Compiled for AVX512-BF16 alone, which a back end in bf16 has (simd_bf16.cc).
struct Bf16Kernels {
  StripKernels strips;  // of bf16
  void (*from_f32)(const float* x, int64_t count, uint16_t* y);
  void (*to_f32)(const uint16_t* x, int64_t count, float* y);
  void (*add)(const uint16_t* x, int64_t count, uint16_t* y);  // y += x
  // Between (ceil(channels / 16), positions, 16) floats and (positions, channels) bf16. Lanes beyond the channels are
  // not read, and written as zero.
  void (*from_blocked)(const float* blocked, int64_t positions, int64_t channels, uint16_t* y);
  void (*to_blocked)(const uint16_t* x, int64_t positions, int64_t channels, float* blocked);
};

const SimdKernels& simd_kernels();  // the best that this CPU runs
// Throws std::logic_error where the program was built for a CPU without them; never where a back end in bf16 exists.
const Bf16Kernels& bf16_kernels();

}  // namespace avsr::backend::cpu
