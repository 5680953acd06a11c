#define AVSR_SIMD_TABLE kSimdAvx512
#include "models/backend/cpu/simd_kernels.inc"
