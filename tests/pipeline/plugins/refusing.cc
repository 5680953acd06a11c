// Stands in for the CUDA plug-in on a machine whose GPU it cannot use.
#include <cstdio>

#include "models/backend/backend.h"

extern "C" const char* avsr_cuda_interface() { return AVSR_BACKEND_INTERFACE; }

extern "C" avsr::backend::Backend* avsr_open_cuda(const avsr::backend::GpuSettings* settings, char* error,
                                                  size_t error_bytes) {
  std::snprintf(error, error_bytes, "device %d refuses precision %d", settings->device,
                static_cast<int>(settings->precision));
  return nullptr;
}
