// The two symbols of libavsr_cuda.so (pipeline/device.h).
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <string_view>

#include "models/backend/cuda/cuda_backend.h"

extern "C" __attribute__((visibility("default"))) const char* avsr_cuda_interface() { return AVSR_BACKEND_INTERFACE; }

extern "C" __attribute__((visibility("default"))) avsr::backend::Backend* avsr_open_cuda(
    const avsr::backend::GpuSettings* settings, char* error, size_t error_bytes) {
  try {
    avsr::backend::GpuSettings chosen = *settings;
    int gpus = 0;
    if (chosen.wraps && cudaGetDeviceCount(&gpus) == cudaSuccess && gpus > 0) chosen.device %= gpus;
    return new avsr::backend::cuda::CudaBackend(chosen);
  } catch (const std::exception& problem) {
    const std::string_view text = problem.what();
    const size_t kept = std::min(text.size(), error_bytes - 1);
    std::memcpy(error, text.data(), kept);
    error[kept] = 0;
    return nullptr;
  }
}
