// Cheap random inputs, the same on every machine.
#pragma once

#include <cstdint>
#include <vector>

namespace avsr::bench {

// The generator of Numerical Recipes: its upper bits are random enough to be pixels and noise.
class RandomBits {
 public:
  uint32_t next() { return state_ = state_ * 1664525u + 1013904223u; }

 private:
  uint32_t state_ = 1;
};

inline std::vector<uint8_t> random_bytes(size_t count) {
  RandomBits bits;
  std::vector<uint8_t> bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(bits.next() >> 24);
  return bytes;
}

// Uniform in +- bound.
inline std::vector<float> random_floats(size_t count, double bound) {
  RandomBits bits;
  std::vector<float> values(count);
  const auto scale = static_cast<float>(bound / (1u << 31));
  for (float& value : values) value = scale * static_cast<float>(static_cast<int32_t>(bits.next()));
  return values;
}

}  // namespace avsr::bench
