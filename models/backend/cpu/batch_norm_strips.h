// Arguments of the inner loops of batch norm (simd_kernels.h) over one strip: `rows` x `steps` positions of `lanes`
// neighbouring channels. The elements of a tensor are f32 or bf16, the same in all tensors of one call; the arithmetic
// is f32 in both.
#pragma once

#include <cstdint>

namespace avsr::backend::cpu {

// Where a strip lies, in elements. The same strip is read in every tensor of the operation.
struct Strip {
  int64_t offset = 0;                  // of its first value in each tensor
  int64_t rows = 0, row_distance = 0;  // neighbouring clips or frames
  int64_t step_distance = 0;           // positions within a row lie this far apart
  int64_t first = 0, last = 0;         // positions, of each row
  const int* lengths = nullptr;        // valid positions of each row, or null: all
  int lanes = 16;                      // 16, 8 or 1; of bf16 also 64 or 32

  int64_t valid_last(int64_t row) const {
    return lengths && lengths[row] < last ? (lengths[row] > first ? lengths[row] : first) : last;
  }
};

// Channel parameters of a strip: y = act(x * scale + shift (+ residual)).
struct StripAffine {
  const float* scale = nullptr;
  const float* shift = nullptr;
  bool relu = false;
};

// The gradient through the activation, dz = dy where the output was positive.
struct StripGradient {
  const void* x = nullptr;
  const void* y = nullptr;  // null: the output's sign is found again from x, which saves reading y
  const void* dy = nullptr;
  StripAffine forward;          // forward.relu false: dz = dy
  const float* mean = nullptr;  // per lane
};
}  // namespace avsr::backend::cpu
