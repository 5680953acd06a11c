// Convolution with its weight: 1-D (N, 1, W, C), 2-D (N, H, W, C) and 3-D (N, D, H, W, C).
#pragma once

#include <string>

#include "models/backend/backend.h"
#include "models/layers/parameters.h"

namespace avsr::layers {

// Weight `<path>/weight` (out, kd, kh, kw, in), N(0, sqrt(2 / (kd kh kw out))). No bias: batch norm follows everywhere.
class Conv {
 public:
  Conv(backend::Backend& backend, ParameterArena& arena, const std::string& path, const backend::ConvSpec& spec);

  void forward(const backend::Tensor& x, backend::Tensor& y);  // y = ; keeps nothing
  // x, dy of the same call of forward. dw += ; dx = unless want_dx is false.
  void backward(const backend::Tensor& x, const backend::Tensor& dy, bool want_dx, backend::Tensor& dx);
  // Inference with an output factor folded into the weight. pack: for inputs of the shape of x.
  void pack(const backend::Shape& x, const backend::Tensor& scale, backend::Tensor& packed);
  void infer(const backend::Tensor& x, const backend::Tensor& packed, const backend::Tensor& bias,
             const backend::Tensor& residual, bool relu, backend::Tensor& y);

  const backend::ConvSpec& spec() const { return spec_; }
  bool frozen() const { return weight_->frozen; }
  // floor((n + 2 p - d (k - 1) - 1) / s) + 1 along W, d the dilation; throws std::invalid_argument when that is < 1.
  backend::Lengths out_lengths(const backend::Lengths& in) const;

 private:
  backend::Backend& backend_;
  backend::ConvSpec spec_;
  std::string path_;
  Parameter* weight_;
};

// floor((n + 2 padding - kernel) / stride) + 1 for each clip. Throws std::invalid_argument naming `what` and the clip.
backend::Lengths window_counts(const backend::Lengths& in, int kernel, int stride, int padding,
                               const std::string& what);

}  // namespace avsr::layers
