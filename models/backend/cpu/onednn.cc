#include "models/backend/cpu/onednn.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace avsr::backend::cpu {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

dnnl::memory::dims dims_of(const dnnl::memory::desc& desc) {
#if DNNL_VERSION_MAJOR < 3
  return desc.dims();
#else
  return desc.get_dims();
#endif
}

}  // namespace

void HostMemory::Free::operator()(void* p) const { std::free(p); }

void* HostMemory::reserve(size_t bytes) {
  if (bytes > bytes_ || !data_) {
    data_.reset();
    const size_t alignment = bytes >= 2 * kHugePage ? kHugePage : 64;
    const size_t rounded = (std::max<size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
    data_.reset(std::aligned_alloc(alignment, rounded));
    if (!data_) {
      bytes_ = 0;
      throw std::bad_alloc();
    }
    // Large pages make the first touch and every later walk through the memory cheaper. Best effort.
    if (alignment == kHugePage) madvise(data_.get(), rounded, MADV_HUGEPAGE);
    bytes_ = rounded;
  }
  return data_.get();
}

OneDnn::OneDnn() : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {}

void OneDnn::run(const dnnl::primitive& primitive, const dnnl::memory::desc& scratchpad,
                 std::unordered_map<int, dnnl::memory> arguments) {
  arguments.insert_or_assign(DNNL_ARG_SCRATCHPAD, scratch(Slot::kLibrary, scratchpad));
  primitive.execute(stream_, arguments);
  stream_.wait();
}

void OneDnn::reorder(const dnnl::memory& from, const dnnl::memory& to) {
  const dnnl::reorder::primitive_desc pd(from, to, user_scratchpad());
  run(dnnl::reorder(pd), pd.scratchpad_desc(), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
}

void OneDnn::reorder_add(const dnnl::memory& from, const dnnl::memory& to) {
  dnnl::post_ops ops;
  ops.append_sum(1.0f);
  dnnl::primitive_attr attr = user_scratchpad();
  attr.set_post_ops(ops);
  const dnnl::reorder::primitive_desc pd(from, to, attr);
  run(dnnl::reorder(pd), pd.scratchpad_desc(), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
}

void OneDnn::reorder_weights(const dnnl::memory& from, const dnnl::memory& to) {
  try {
    reorder(from, to);
  } catch (const dnnl::error&) {
    using tag = dnnl::memory::format_tag;
    const auto dims = dims_of(from.get_desc());
    const dnnl::memory plain =
        scratch(Slot::kOther, {dims, dnnl::memory::data_type::f32, dims.size() == 5 ? tag::oidhw : tag::oihw});
    reorder(from, plain);
    reorder(plain, to);
  }
}

}  // namespace avsr::backend::cpu
