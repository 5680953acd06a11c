// Matrix products on oneDNN.
#pragma once

#include "models/backend/cpu/cpu_backend.h"
#include "models/backend/cpu/onednn.h"

namespace avsr::backend::cpu {

// c (m, n) = or += a (m, k) * b (k, n) (+ bias (n)); a and b row-major or, with tag ba, transposed in memory, in the
// back end's CpuBackend::map_type; bias and c are f32.
class MatrixProduct {
 public:
  // sizes: m, k, n.
  MatrixProduct(CpuBackend& backend, const dnnl::memory::dims& sizes, dnnl::memory::format_tag a,
                dnnl::memory::format_tag b, bool bias, bool accumulate);
  // bias: null when made without.
  void run(const void* a, const void* b, const float* bias, float* c);

 private:
  OneDnn& onednn_;
  dnnl::memory::desc a_, b_, c_, bias_, scratchpad_;
  dnnl::matmul primitive_;
};

}  // namespace avsr::backend::cpu
