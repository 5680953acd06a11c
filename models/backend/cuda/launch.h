// One kernel for all: runs a function object for every index of a range. On the host a plain loop does it.
#pragma once

#include <cstdint>

#include "models/backend/cuda/stream.h"
#include "models/backend/host_device.h"

#if defined(__CUDACC__)
#include "models/backend/cuda/check_cuda.h"
#endif

namespace avsr::backend::cuda {

// Quotient and remainder, in 32 bits where both fit: a GPU divides 64-bit numbers ten times slower.
struct Quotient {
  int64_t whole, rest;
};
AVSR_HOST_DEVICE inline Quotient divide(int64_t number, int64_t by) {
  if (((number | by) >> 32) == 0) {
    const auto n = static_cast<uint32_t>(number), d = static_cast<uint32_t>(by);
    return {n / d, n % d};
  }
  return {number / by, number % by};
}

#if defined(__CUDACC__)
template <typename Item>
__global__ void run_items(int64_t count, Item item) {
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride) item(i);
}

template <typename Item>
void launch(Stream& stream, int64_t count, const Item& item) {
  if (count <= 0 || stream.rehearsal()) return;
  constexpr int64_t kThreads = 256, kMostBlocks = 1 << 20;
  const int64_t wanted = (count + kThreads - 1) / kThreads;
  const auto blocks = static_cast<unsigned>(wanted < kMostBlocks ? wanted : kMostBlocks);
  run_items<<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream.handle())>>>(count, item);
  check(cudaGetLastError(), "starting a kernel");
}
#else
template <typename Item>
void launch(Stream& stream, int64_t count, const Item& item) {
  if (stream.rehearsal()) return;
  for (int64_t i = 0; i < count; ++i) item(i);
}
#endif

}  // namespace avsr::backend::cuda
