// CTC: cuDNN's on a GPU (ctc_cudnn.cc) for what it takes, else the host's; on the host (ctc_emulated.cc) the host's.
#pragma once

#include <vector>

#include "models/backend/cuda/cuda_backend.h"

namespace avsr::backend::cuda {

// What the library is not asked: texts that are empty or longer than it takes, and, as it has read beyond its memory
// there, texts that do not fit their clips (fewer steps than labels and blanks between equal neighbours).
inline constexpr size_t kLongestCudnnText = 255;  // labels
bool cudnn_takes(const Lengths& lengths, const std::vector<std::vector<int>>& labels, int64_t symbols);

// The library has the steps first, and its own idea of what a loss is of.
// x (B, T, V) -> y (steps, B, V), f32: the first `steps` steps.
void steps_first(CudaBackend& backend, const Tensor& x, int64_t steps, Tensor& y);
// Of the sum of the clips' costs and its gradient (steps, B, V): losses (B), each for a label of its clip, and dlogits
// (B, T, V), which has its shape already, of their mean; 0 beyond each clip's length, where the library writes nothing.
// lengths, text_lengths: (B), on the device.
struct CtcSums {
  const float* costs;
  const float* gradient;
  const int *lengths, *text_lengths;
};
void losses_of_labels(CudaBackend& backend, const CtcSums& sums, Tensor& losses, Tensor& dlogits);

}  // namespace avsr::backend::cuda
