// The oneDNN primitives of one convolution at one batch size, made when first wanted.
#pragma once

#include <compare>
#include <map>
#include <optional>

#include "models/backend/cpu/cpu_backend.h"
#include "models/backend/cpu/onednn.h"
#include "models/backend/kernels.h"

namespace avsr::backend::cpu {

// A ready primitive and the formats it wants. For backward operations src, weights and dst are their gradients, where
// the operation writes these.
struct ConvOperation {
  dnnl::primitive primitive;
  dnnl::memory::desc src, weights, dst, scratchpad;
};

struct ForwardOptions {
  bool inference = false, bias = false, residual = false, relu = false;
  auto operator<=>(const ForwardOptions&) const = default;
};

class ConvPrimitives {
 public:
  // x, y: shapes with channels padded to whole blocks; both are maps in the back end's form.
  ConvPrimitives(CpuBackend& backend, const ConvSpec& spec, const Shape& x, const Shape& y);

  const ConvOperation& forward(const ForwardOptions& options);
  const ConvOperation& backward_data();
  const ConvOperation& backward_weights(bool bias);

 private:
  dnnl::convolution_forward::primitive_desc describe_forward(dnnl::algorithm algorithm, const ForwardOptions& options);
  // make(algorithm), with Winograd when wanted and there, else direct.
  template <typename Make>
  auto with_algorithm(bool winograd, Make&& make);

  OneDnn& onednn_;
  bool winograd_ = false;          // the shape is one for Winograd
  bool winograd_weights_ = false;  // and so is its gradient with respect to the weights
  std::string label_;
  dnnl::memory::desc src_, weights_, dweights_, bias_, dst_;
  dnnl::memory::dims stride_, dilation_, padding_;
  std::map<ForwardOptions, ConvOperation> forward_;
  std::optional<ConvOperation> backward_data_;
  std::map<bool, ConvOperation> backward_weights_;
};

}  // namespace avsr::backend::cpu
