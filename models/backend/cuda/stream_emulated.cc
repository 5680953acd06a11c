// The device in the host's memory (Note [Emulation]).
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "models/backend/backend.h"
#include "models/backend/cuda/stream.h"

namespace avsr::backend::cuda {

struct Stream::Staging {};

Stream::Stream(int device, bool rehearsal)
    : device_(device),
      rehearsal_(rehearsal),
      facts_{"emulated", "emulated", "the CUDA back end's arithmetic on the host"} {}
Stream::~Stream() = default;

void* Stream::take(size_t bytes) {
  constexpr size_t kAlignment = 64;
  void* memory = std::aligned_alloc(kAlignment, (bytes / kAlignment + 1) * kAlignment);
  if (!memory) throw OutOfMemory("[emulated] out of memory: no room for " + std::to_string(bytes) + " bytes");
  std::memset(memory, 0xff, bytes);  // NaN: what nobody has written shows
  return memory;
}

void Stream::give(void* memory) noexcept { std::free(memory); }

void Stream::upload(const void* host, void* device, size_t bytes) { copy(host, device, bytes); }

void Stream::download(const void* device, void* host, size_t bytes) {
  if (rehearsal_)
    std::memset(host, 0, bytes);
  else
    copy(device, host, bytes);
  synchronize();
}

void Stream::copy(const void* from, void* to, size_t bytes) {
  if (bytes > 0 && from != to && !rehearsal_) std::memcpy(to, from, bytes);
}

void Stream::zero(void* memory, size_t bytes) {
  if (bytes > 0 && !rehearsal_) std::memset(memory, 0, bytes);
}

void Stream::synchronize() { ++waits_; }
size_t Stream::total_bytes() const {
  return static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace avsr::backend::cuda
