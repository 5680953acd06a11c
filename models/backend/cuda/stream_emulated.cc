// The device in the host's memory (Note [Emulation]).
#include <cstdlib>
#include <cstring>
#include <new>

#include "models/backend/cuda/stream.h"

namespace avsr::backend::cuda {

Stream::Stream(int device)
    : device_(device), facts_{"emulated", "emulated", "the CUDA back end's arithmetic on the host"} {}
Stream::~Stream() = default;

void* Stream::allocate(size_t bytes) {
  constexpr size_t kAlignment = 64;
  void* memory = std::aligned_alloc(kAlignment, (bytes / kAlignment + 1) * kAlignment);
  if (!memory) throw std::bad_alloc();
  std::memset(memory, 0xff, bytes);  // NaN: what nobody has written shows
  bytes_in_use_ += bytes;
  if (bytes_in_use_ > peak_bytes_) peak_bytes_ = bytes_in_use_;
  return memory;
}

void Stream::free(void* memory, size_t bytes) noexcept {
  std::free(memory);
  bytes_in_use_ -= bytes;
}

void Stream::upload(const void* host, void* device, size_t bytes) { copy(host, device, bytes); }
void Stream::download(const void* device, void* host, size_t bytes) { copy(device, host, bytes); }

void Stream::copy(const void* from, void* to, size_t bytes) {
  if (bytes > 0 && from != to) std::memcpy(to, from, bytes);
}

void Stream::zero(void* memory, size_t bytes) {
  if (bytes > 0) std::memset(memory, 0, bytes);
}

void Stream::synchronize() {}
size_t Stream::total_bytes() const { return 0; }

}  // namespace avsr::backend::cuda
