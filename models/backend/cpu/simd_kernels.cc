#include "models/backend/cpu/simd_kernels.h"

namespace avsr::backend::cpu {

extern const SimdKernels kSimdBaseline;
#ifdef __x86_64__
extern const SimdKernels kSimdAvx512, kSimdAvx2;
#endif

const SimdKernels& simd_kernels() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) return kSimdAvx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return kSimdAvx2;
#endif
  return kSimdBaseline;
}

}  // namespace avsr::backend::cpu
