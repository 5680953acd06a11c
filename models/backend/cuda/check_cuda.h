// Errors of the CUDA run time as exceptions.
#pragma once

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <stdexcept>

namespace avsr::backend::cuda {

inline void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) throw std::runtime_error(fmt::format("[cuda] {}: {}", what, cudaGetErrorString(status)));
}

}  // namespace avsr::backend::cuda
