// oneDNN 2.6 and 3.x under one roof: they differ in how a primitive descriptor is made. Only this folder includes it.
#pragma once

#include <array>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include <dnnl.hpp>

#include "models/backend/tensor.h"

namespace avsr::backend::cpu {

#if DNNL_VERSION_MAJOR < 3
using PoolingForward = dnnl::pooling_v2_forward;
using PoolingBackward = dnnl::pooling_v2_backward;
#else
using PoolingForward = dnnl::pooling_forward;
using PoolingBackward = dnnl::pooling_backward;
#endif

// Attributes with the scratchpad in our hands; pass it as DNNL_ARG_SCRATCHPAD (OneDnn::run does).
inline dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

inline void append_relu(dnnl::post_ops& ops) {
#if DNNL_VERSION_MAJOR < 3
  ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
#else
  ops.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
#endif
}

// The primitive descriptor of a forward operation; `arguments` are those of 2.6's P::desc, which 3.x takes in the same
// order. Throws dnnl::error where there is no such implementation.
template <typename P, typename... Arguments>
typename P::primitive_desc describe(const dnnl::engine& engine, const dnnl::primitive_attr& attr,
                                    const Arguments&... arguments) {
#if DNNL_VERSION_MAJOR < 3
  return typename P::primitive_desc(typename P::desc(arguments...), attr, engine);
#else
  return typename P::primitive_desc(engine, arguments..., attr);
#endif
}

// The same for a backward operation, given the descriptor of its forward.
template <typename P, typename Hint, typename... Arguments>
typename P::primitive_desc describe_backward(const dnnl::engine& engine, const dnnl::primitive_attr& attr,
                                             const Hint& hint, const Arguments&... arguments) {
#if DNNL_VERSION_MAJOR < 3
  return typename P::primitive_desc(typename P::desc(arguments...), attr, engine, hint);
#else
  return typename P::primitive_desc(engine, arguments..., hint, attr);
#endif
}

// 64-byte aligned host memory that grows and never shrinks: fresh pages cost more than the work done in them.
class HostMemory {
 public:
  void* reserve(size_t bytes);

 private:
  struct Free {
    void operator()(void* p) const;
  };
  std::unique_ptr<void, Free> data_;
  size_t bytes_ = 0;
};

// What all kernels of one back end share. They run one after another on one stream, so they share scratch memory too.
class OneDnn {
 public:
  OneDnn();

  const dnnl::engine& engine() const { return engine_; }
  dnnl::stream& stream() { return stream_; }

  // Scratch memory that is valid until the same slot is asked for again. kLibrary is what run() hands to oneDNN.
  enum class Slot : uint8_t { kLibrary, kWeights, kGradient, kInput, kOutput, kOther, kOther2, kCount };
  void* scratch(Slot slot, size_t bytes) { return scratch_[static_cast<size_t>(slot)].reserve(bytes); }

  dnnl::memory memory(const dnnl::memory::desc& desc, void* data) const { return {desc, engine_, data}; }
  dnnl::memory scratch(Slot slot, const dnnl::memory::desc& desc) {
    return memory(desc, scratch(slot, desc.get_size()));
  }

  // Executes and waits. The primitive must have been described with user_scratchpad().
  void run(const dnnl::primitive& primitive, const dnnl::memory::desc& scratchpad,
           std::unordered_map<int, dnnl::memory> arguments);
  // to = from, whatever their formats.
  void reorder(const dnnl::memory& from, const dnnl::memory& to);
  // to += from.
  void reorder_add(const dnnl::memory& from, const dnnl::memory& to);
  // As reorder, also where `to` is a form that oneDNN makes only from the plain order (O, I, kh, kw).
  void reorder_weights(const dnnl::memory& from, const dnnl::memory& to);

  // Implementations in use, as "operation: implementation". A name with "ref" in it is slow reference code.
  void note(const std::string& operation, const std::string& implementation) {
    implementations_.insert(operation + ": " + implementation);
  }
  const std::set<std::string>& implementations() const { return implementations_; }

 private:
  dnnl::engine engine_;
  dnnl::stream stream_;
  std::array<HostMemory, static_cast<size_t>(Slot::kCount)> scratch_;
  std::set<std::string> implementations_;
};

}  // namespace avsr::backend::cpu
