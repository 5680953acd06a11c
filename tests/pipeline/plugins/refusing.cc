// Stands in for the CUDA plug-in on a machine whose GPU it cannot use.
#include <cstdio>

extern "C" void* avsr_open_cuda(int device, int precision, char* error, size_t error_bytes) {
  std::snprintf(error, error_bytes, "device %d refuses precision %d", device, precision);
  return nullptr;
}
