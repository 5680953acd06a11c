// From tensors to oneDNN memory descriptors, and between the two layouts (Note [Private layout]).
#pragma once

#include "models/backend/cpu/cpu_backend.h"
#include "models/backend/cpu/onednn.h"
#include "models/backend/tensor.h"

namespace avsr::backend::cpu {

// Dimensions in oneDNN's order (N, C, [D,] H, W) of a logical shape (N, [D,] H, W, C) of rank 4 or 5.
dnnl::memory::dims dims_of(const Shape& shape);
// An activation in the given layout, `block` channels a block when private.
dnnl::memory::desc activation_desc(const Shape& shape, Layout layout, int block, DType type = DType::f32);
// A map of this back end (CpuBackend::map_type).
inline dnnl::memory::desc map_desc(const CpuBackend& backend, const Shape& shape) {
  return activation_desc(shape, backend.map_layout(), backend.channel_block(), backend.map_type());
}
// Weights (out, kd, kh, kw, in) as they lie in the arena, in oneDNN's order (O, I, [kd,] kh, kw).
dnnl::memory::desc weights_desc(const Shape& weights, bool three_d);

}  // namespace avsr::backend::cpu
