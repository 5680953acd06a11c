// Convolution on oneDNN: f32 in the private layout, with Winograd where the library has it and it is faster; or bf16.
#pragma once

#include <memory>
#include <vector>

#include "models/backend/checks.h"
#include "models/backend/cpu/cpu_backend.h"
#include "models/backend/cpu/onednn.h"
#include "models/backend/kernels.h"

namespace avsr::backend::cpu {

// Opaque to callers (Conv::pack): scaled weights in the arena's order, and the forms that primitives asked for, made on
// first use. One packed tensor therefore serves every batch size.
class PackedWeights final : public Buffer {
 public:
  PackedWeights(OneDnn& onednn, size_t count) : onednn_(onednn), bytes_(count * sizeof(float)) {
    canonical_.reserve(bytes_);
  }
  void* data() override { return canonical_.reserve(bytes_); }
  size_t bytes() const override { return bytes_; }
  // The weights in `wanted` format; `canonical` describes data().
  dnnl::memory form(const dnnl::memory::desc& canonical, const dnnl::memory::desc& wanted);
  void clear_forms() { forms_.clear(); }

 private:
  OneDnn& onednn_;
  HostMemory canonical_;
  size_t bytes_;
  std::vector<std::pair<dnnl::memory::desc, HostMemory>> forms_;
};

std::shared_ptr<Conv> make_library_conv(CpuBackend& backend, const ConvSpec& spec, const Shape& x);
// Dilated along time (Note [Dilation along time]); null where it is not of that kind.
std::shared_ptr<Conv> make_time_dilated_conv(CpuBackend& backend, const ConvSpec& spec, const Shape& x);
// One input channel, no dilation: too few for blocked layouts. Own kernels on plain input (single_channel_conv.cc).
std::shared_ptr<Conv> make_single_channel_conv(CpuBackend& backend, const ConvSpec& spec, const Shape& x);

}  // namespace avsr::backend::cpu
