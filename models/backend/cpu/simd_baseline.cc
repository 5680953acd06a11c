#define AVSR_SIMD_TABLE kSimdBaseline
#include "models/backend/cpu/simd_kernels.inc"
