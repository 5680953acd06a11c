// An activation that stands alone: PReLU or Swish. (ReLU is computed along by batch norm, convolutions and
// Backend::relu.)
#pragma once

#include <string>

#include "models/backend/backend.h"
#include "models/layers/parameters.h"

namespace avsr::layers {

// PReLU has the parameter `<path>/slope` (channels), 0.25 at the start (He et al. 2015); Swish has none. Zero stays
// zero.
class Activation {
 public:
  static bool stands_alone(backend::Activation kind) {
    return kind == backend::Activation::prelu || kind == backend::Activation::swish;
  }

  // kind: one that stands alone; else std::invalid_argument.
  Activation(backend::Backend& backend, ParameterArena& arena, const std::string& path, backend::Activation kind,
             int channels);

  bool frozen() const { return !slope_ || slope_->frozen; }
  void infer(backend::Tensor& x);  // in place
  // y = ; x must stay as it is until backward.
  void forward(const backend::Tensor& x, backend::Tensor& y);
  // dx = (not dy's memory), in the layout of forward's x; gradients += .
  void backward(const backend::Tensor& dy, backend::Tensor& dx);

 private:
  backend::Backend& backend_;
  Parameter* slope_ = nullptr;  // of PReLU
  backend::Tensor x_;
};

}  // namespace avsr::layers
