#define AVSR_SIMD_TABLE kSimdAvx2
#include "models/backend/cpu/simd_kernels.inc"
