// Explicit vectors of floats for the inner loops, through the compiler's vector extension. Only simd_kernels.inc and
// simd_bf16.cc include this file: its contents have internal linkage, because each instruction set compiles its own.
#pragma once

#include <cstdint>

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

// The kernels are inlined into their callers, so that no vector crosses a function boundary.
#pragma GCC diagnostic ignored "-Wpsabi"

#define AVSR_INLINE inline __attribute__((always_inline))

namespace avsr::backend::cpu {
namespace {

typedef float Vector16 __attribute__((vector_size(64)));
typedef float Vector8 __attribute__((vector_size(32)));

template <typename V>
constexpr int kLanes = sizeof(V) / sizeof(float);

// K vectors side by side.
template <int K>
struct Wide {
  Vector16 v[K];
};
template <typename V>
constexpr int kVectors = 0;  // of a Wide
template <int K>
constexpr int kVectors<Wide<K>> = K;

#define AVSR_WIDE_OPERATOR(op)                                                          \
  template <int K>                                                                      \
  AVSR_INLINE Wide<K> operator op(const Wide<K>& a, const Wide<K>& b) {                 \
    Wide<K> result;                                                                     \
    _Pragma("GCC unroll 4") for (int i = 0; i < K; ++i) result.v[i] = a.v[i] op b.v[i]; \
    return result;                                                                      \
  }
AVSR_WIDE_OPERATOR(+)
AVSR_WIDE_OPERATOR(-)
AVSR_WIDE_OPERATOR(*)
#undef AVSR_WIDE_OPERATOR

template <int K>
AVSR_INLINE Wide<K>& operator+=(Wide<K>& a, const Wide<K>& b) {
  return a = a + b;
}
template <int K>
AVSR_INLINE Wide<K> operator*(const Wide<K>& a, float b) {
  Wide<K> result;
#pragma GCC unroll 4
  for (int i = 0; i < K; ++i) result.v[i] = a.v[i] * b;
  return result;
}

// value where sign > 0, else 0.
template <typename V>
AVSR_INLINE V where_positive(const V& sign, const V& value) {
  return sign > 0 ? value : V{};
}
template <int K>
AVSR_INLINE Wide<K> where_positive(const Wide<K>& sign, const Wide<K>& value) {
  Wide<K> result;
#pragma GCC unroll 4
  for (int i = 0; i < K; ++i) result.v[i] = where_positive(sign.v[i], value.v[i]);
  return result;
}

template <typename V>
AVSR_INLINE V load(const float* p) {
  V v;
  if constexpr (kVectors<V> > 0) {
#pragma GCC unroll 4
    for (int i = 0; i < kVectors<V>; ++i) v.v[i] = load<Vector16>(p + 16 * i);
  } else {
    __builtin_memcpy(&v, p, sizeof(V));  // one unaligned move
  }
  return v;
}
template <typename V>
AVSR_INLINE void store(float* p, const V& v) {
  if constexpr (kVectors<V> > 0) {
#pragma GCC unroll 4
    for (int i = 0; i < kVectors<V>; ++i) store<Vector16>(p + 16 * i, v.v[i]);
  } else {
    __builtin_memcpy(p, &v, sizeof(V));
  }
}

#ifdef __AVX512BF16__
typedef uint16_t Halves16 __attribute__((vector_size(32)));
typedef uint16_t Halves8 __attribute__((vector_size(16)));
typedef uint32_t Words16 __attribute__((vector_size(64)));
typedef uint32_t Words8 __attribute__((vector_size(32)));

// Of bf16: V is still a vector of floats.
template <typename V>
AVSR_INLINE V load(const uint16_t* p) {
  if constexpr (kVectors<V> > 0) {
    V v;
#pragma GCC unroll 4
    for (int i = 0; i < kVectors<V>; ++i) v.v[i] = load<Vector16>(p + 16 * i);
    return v;
  } else if constexpr (kLanes<V> == 16) {
    Halves16 halves;
    __builtin_memcpy(&halves, p, sizeof halves);
    return (V)(__builtin_convertvector(halves, Words16) << 16);
  } else if constexpr (kLanes<V> == 8) {
    Halves8 halves;
    __builtin_memcpy(&halves, p, sizeof halves);
    return (V)(__builtin_convertvector(halves, Words8) << 16);
  } else {
    const uint32_t bits = static_cast<uint32_t>(*p) << 16;
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
  }
}
template <typename V>
AVSR_INLINE void store(uint16_t* p, const V& v) {
  if constexpr (kVectors<V> > 0) {
#pragma GCC unroll 4
    for (int i = 0; i < kVectors<V>; ++i) store<Vector16>(p + 16 * i, v.v[i]);
  } else if constexpr (kLanes<V> == 16) {
    const __m256bh halves = _mm512_cvtneps_pbh((__m512)v);
    __builtin_memcpy(p, &halves, sizeof halves);
  } else if constexpr (kLanes<V> == 8) {
    const __m128bh halves = _mm256_cvtneps_pbh((__m256)v);
    __builtin_memcpy(p, &halves, sizeof halves);
  } else {
    const __m128bh halves = _mm_cvtneps_pbh(_mm_set_ss(v));
    __builtin_memcpy(p, &halves, sizeof *p);
  }
}
#endif

}  // namespace
}  // namespace avsr::backend::cpu
