// The shapes of pooling; the kernel itself is made by CpuBackend::pool.
#pragma once

#include "models/backend/cpu/cpu_backend.h"

namespace avsr::backend::cpu {

// (N, H, W, C) -> (N, H', W', C). Throws std::invalid_argument when x is smaller than the window.
Shape pool_output_shape(const PoolSpec& spec, const Shape& x);

}  // namespace avsr::backend::cpu
