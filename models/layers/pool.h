// Pooling over height and width, or over time (H = 1).
#pragma once

#include <string>

#include "models/layers/layer.h"

namespace avsr::layers {

// A kernel of {0, 0} stands for the whole map (global pooling). y: see backend::Pool.
class Pool : public Layer {
 public:
  // `what` names the layer in errors about clips that are too short.
  Pool(backend::Backend& backend, std::string what, const backend::PoolSpec& spec);

  bool frozen() const override { return true; }
  backend::Lengths out_lengths(const backend::Lengths& in) const override;
  void infer(backend::Tensor& x, const Pass& pass, backend::Tensor& y) override;
  const backend::Tensor& forward(const backend::Tensor& x, const Pass& pass) override;
  void backward(backend::Tensor& dy, bool want_dx, backend::Tensor& dx) override;

 private:
  std::shared_ptr<backend::Pool> kernel(const backend::Shape& x);

  backend::Backend& backend_;
  std::string what_;
  backend::PoolSpec spec_;
  backend::Shape x_shape_;
  backend::Tensor y_, saved_, unused_saved_;
};

}  // namespace avsr::layers
