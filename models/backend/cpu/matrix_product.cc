#include "models/backend/cpu/matrix_product.h"

namespace avsr::backend::cpu {

using dnnl::memory;
using Tag = memory::format_tag;

MatrixProduct::MatrixProduct(CpuBackend& backend, const memory::dims& sizes, Tag a, Tag b, bool bias, bool accumulate)
    : onednn_(backend.onednn()) {
  const int64_t m = sizes[0], k = sizes[1], n = sizes[2];
  constexpr auto kF32 = memory::data_type::f32;
  const auto type = backend.map_type() == DType::bf16 ? memory::data_type::bf16 : kF32;
  a_ = {{m, k}, type, a};
  b_ = {{k, n}, type, b};
  c_ = {{m, n}, kF32, Tag::ab};
  dnnl::primitive_attr attr = user_scratchpad();
  if (accumulate) {
    dnnl::post_ops ops;
    ops.append_sum();
    attr.set_post_ops(ops);
  }
  if (bias) bias_ = {{1, n}, kF32, Tag::ab};
  const auto described = bias ? describe<dnnl::matmul>(onednn_.engine(), attr, a_, b_, bias_, c_)
                              : describe<dnnl::matmul>(onednn_.engine(), attr, a_, b_, c_);
  onednn_.note("matrix product", described.impl_info_str());
  scratchpad_ = described.scratchpad_desc();
  primitive_ = dnnl::matmul(described);
}

void MatrixProduct::run(const void* a, const void* b, const float* bias, float* c) {
  const auto input = [&](const memory::desc& desc, const void* data) {
    return onednn_.memory(desc, const_cast<void*>(data));  // only read
  };
  std::unordered_map<int, memory> arguments{
      {DNNL_ARG_SRC, input(a_, a)}, {DNNL_ARG_WEIGHTS, input(b_, b)}, {DNNL_ARG_DST, onednn_.memory(c_, c)}};
  if (bias) arguments.emplace(DNNL_ARG_BIAS, input(bias_, bias));
  onednn_.run(primitive_, scratchpad_, std::move(arguments));
}

}  // namespace avsr::backend::cpu
