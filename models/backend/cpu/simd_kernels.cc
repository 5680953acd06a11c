#include "models/backend/cpu/simd_kernels.h"

#include <stdexcept>

namespace avsr::backend::cpu {

extern const SimdKernels kSimdBaseline;
#ifdef __x86_64__
extern const SimdKernels kSimdAvx512, kSimdAvx2;
extern const Bf16Kernels kSimdBf16;
#endif

const SimdKernels& simd_kernels() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) return kSimdAvx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return kSimdAvx2;
#endif
  return kSimdBaseline;
}

const Bf16Kernels& bf16_kernels() {
#ifdef __x86_64__
  return kSimdBf16;
#else
  throw std::logic_error("[cpu] built without bf16");
#endif
}

}  // namespace avsr::backend::cpu
