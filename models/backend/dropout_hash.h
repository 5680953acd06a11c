// The dropout mask as a pure function of (seed, element index), so that no mask is stored and every device agrees.
#pragma once

#include <cstdint>

#include "models/backend/host_device.h"

namespace avsr::backend {

// The 32-bit finaliser of MurmurHash3 (Appleby 2011), a bijection that mixes every bit into every other.
AVSR_HOST_DEVICE inline uint32_t mix_bits(uint32_t h) {
  h ^= h >> 16;
  h *= 0x85ebca6bu;
  h ^= h >> 13;
  h *= 0xc2b2ae35u;
  h ^= h >> 16;
  return h;
}

// Uniform over 32 bits. Kept when >= dropout_threshold(p).
AVSR_HOST_DEVICE inline uint32_t dropout_hash(uint64_t seed, uint64_t index) {
  const uint32_t high = static_cast<uint32_t>(seed >> 32) + static_cast<uint32_t>(index >> 32) * 0x9e3779b9u;
  return mix_bits(mix_bits(static_cast<uint32_t>(index) ^ static_cast<uint32_t>(seed)) + high);
}

inline uint32_t dropout_threshold(float p) { return static_cast<uint32_t>(static_cast<double>(p) * 4294967296.0); }

}  // namespace avsr::backend
