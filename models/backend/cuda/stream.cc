// What a stream does alike on a GPU and on the host: counting.
#include "models/backend/cuda/stream.h"

namespace avsr::backend::cuda {

void* Stream::allocate(size_t bytes) {
  // Made-up addresses lie apart, as those of memory would, so that kernels see what overlaps.
  void* memory = rehearsal_ ? reinterpret_cast<void*>((static_cast<uintptr_t>(allocations_) + 1) << 40) : take(bytes);
  ++allocations_;
  bytes_in_use_ += bytes;
  if (bytes_in_use_ > peak_bytes_) peak_bytes_ = bytes_in_use_;
  return memory;
}

void Stream::free(void* memory, size_t bytes) noexcept {
  if (!rehearsal_) {
    ++waits_;
    give(memory);
  }
  bytes_in_use_ -= bytes;
}

}  // namespace avsr::backend::cuda
