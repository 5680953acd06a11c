// Explicit vectors of floats for the inner loops, through the compiler's vector extension. Only simd_kernels.inc
// includes this file: its contents have internal linkage, because each instruction set compiles its own.
#pragma once

#include <cstdint>

// The kernels are inlined into their callers, so that no vector crosses a function boundary.
#pragma GCC diagnostic ignored "-Wpsabi"

#define AVSR_INLINE inline __attribute__((always_inline))

namespace avsr::backend::cpu {
namespace {

typedef float Vector16 __attribute__((vector_size(64)));
typedef float Vector8 __attribute__((vector_size(32)));

template <typename V>
constexpr int kLanes = sizeof(V) / sizeof(float);

template <typename V>
AVSR_INLINE V load(const float* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof(V));  // one unaligned move
  return v;
}
template <typename V>
AVSR_INLINE void store(float* p, const V& v) {
  __builtin_memcpy(p, &v, sizeof(V));
}

}  // namespace
}  // namespace avsr::backend::cpu
