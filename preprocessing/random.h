// Randomness that is the same on every machine and in every thread order: each draw is keyed, never shared.
#pragma once

#include <cstdint>
#include <string_view>

namespace avsr::preprocessing {

// 64-bit mixing (the finaliser of splitmix64, Steele et al. 2014).
uint64_t mix(uint64_t value);
// FNV-1a of the text, mixed.
uint64_t hash_text(std::string_view text);
// Order-sensitive combination of keys: derive_key(seed, epoch, hash_text(clip_key), …).
uint64_t derive_key(uint64_t a, uint64_t b);
template <typename... More>
uint64_t derive_key(uint64_t a, uint64_t b, uint64_t c, More... more) {
  return derive_key(derive_key(a, b), c, more...);
}

// A splitmix64 sequence started at a key. Own integer and real mappings: the standard distributions differ between
// libraries.
class Random {
 public:
  explicit Random(uint64_t key) : state_(mix(key)) {}
  // The generator of one clip in one epoch.
  Random(uint64_t seed, uint64_t epoch, std::string_view clip_key)
      : Random(derive_key(seed, epoch, hash_text(clip_key))) {}

  uint64_t next();
  uint64_t below(uint64_t count);           // uniform in [0, count); count >= 1
  int between(int lowest, int highest);     // uniform in [lowest, highest], both included
  double uniform();                         // [0, 1)
  double uniform(double low, double high);  // [low, high)
  bool chance(double probability);
  double normal();  // mean 0, deviation 1 (Box-Muller; equal to the last bits of log and cos)

 private:
  uint64_t state_;
};

}  // namespace avsr::preprocessing
