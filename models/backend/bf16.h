// bfloat16: the upper half of an f32, here as its 16 bits, so that every compiler and device knows it.
#pragma once

#include <cstdint>
#include <cstring>

#include "models/backend/host_device.h"

namespace avsr::backend {

AVSR_HOST_DEVICE inline float float_of_bf16(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  memcpy(&value, &wide, sizeof value);
  return value;
}

// To nearest, ties to even, as hardware rounds; what is not a number stays so.
AVSR_HOST_DEVICE inline uint16_t bf16_of_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(bits >> 16 | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

}  // namespace avsr::backend
