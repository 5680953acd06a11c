// Marks a function that nvcc compiles for the GPU as well, so that a test without one can run it.
#pragma once

#if defined(__CUDACC__)
#define AVSR_HOST_DEVICE __host__ __device__
#else
#define AVSR_HOST_DEVICE
#endif
