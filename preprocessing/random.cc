#include "preprocessing/random.h"

#include <cmath>

namespace avsr::preprocessing {

uint64_t mix(uint64_t value) {
  value += 0x9E3779B97F4A7C15u;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
  return value ^ (value >> 31);
}

uint64_t hash_text(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return mix(hash);
}

// The first key is mixed before the second enters, so that (a, b) and (b, a) differ.
uint64_t derive_key(uint64_t a, uint64_t b) { return mix(mix(a) ^ b); }

uint64_t Random::next() {
  const uint64_t value = mix(state_);
  state_ += 0x9E3779B97F4A7C15u;
  return value;
}

uint64_t Random::below(uint64_t count) {
  // The largest multiple of count that fits: what lies above would favour small results.
  const uint64_t excess = (UINT64_MAX % count + 1) % count;
  uint64_t value = next();
  while (value > UINT64_MAX - excess) value = next();
  return value % count;
}

int Random::between(int lowest, int highest) {
  return lowest + static_cast<int>(below(static_cast<uint64_t>(int64_t{highest} - lowest) + 1));
}

double Random::uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

double Random::uniform(double low, double high) { return low + (high - low) * uniform(); }

bool Random::chance(double probability) { return uniform() < probability; }

double Random::normal() {
  const double u = 1 - uniform();  // (0, 1]: its logarithm is finite
  const double v = uniform();
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * 3.14159265358979323846 * v);
}

}  // namespace avsr::preprocessing
