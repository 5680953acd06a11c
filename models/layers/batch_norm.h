// Batch norm with its parameters, fused with an optional residual sum and ReLU.
#pragma once

#include <string>

#include "models/backend/backend.h"
#include "models/layers/parameters.h"

namespace avsr::layers {

// `<path>/weight` (1), `<path>/bias` (0), statistics `<path>/running_mean` (0), `<path>/running_var` (1).
class BatchNorm {
 public:
  BatchNorm(backend::Backend& backend, ParameterArena& arena, const std::string& path,
            const backend::BatchNormSpec& spec);

  // y = . With fixed_statistics the running statistics are used and kept; else the batch's, and the running ones move.
  // residual: empty unless spec.residual. Backward needs the same x, y and lengths again.
  void forward(const backend::Tensor& x, const backend::Tensor& residual, const backend::Lengths* lengths,
               bool fixed_statistics, backend::Tensor& y);
  // dx = ; dresidual = (may share memory with dy); gradients += .
  void backward(const backend::Tensor& x, const backend::Tensor& y, const backend::Tensor& dy,
                const backend::Lengths* lengths, backend::Tensor& dx, backend::Tensor& dresidual);
  void infer(const backend::Tensor& x, const backend::Tensor& residual, const backend::Lengths* lengths,
             backend::Tensor& y);
  // infer(x) = x * scale + shift per channel, before residual and ReLU.
  void fold(backend::Tensor& scale, backend::Tensor& shift);

  bool frozen() const { return weight_->frozen && bias_->frozen; }
  const backend::BatchNormSpec& spec() const { return spec_; }

 private:
  backend::Backend& backend_;
  backend::BatchNormSpec spec_;
  Parameter *weight_, *bias_, *mean_, *variance_;
  backend::Tensor saved_;
  bool fixed_ = false;
};

}  // namespace avsr::layers
