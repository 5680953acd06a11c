// Layers that change how time lies in a tensor: padded batch to packed steps, and the mean over time.
#pragma once

#include "models/layers/layer.h"

namespace avsr::layers {

// (B, 1, W, C) -> (N, C): the valid steps of all clips, one after the other. Any layout in, channels last out.
class PackSteps : public Layer {
 public:
  explicit PackSteps(backend::Backend& backend) : backend_(backend) {}

  bool frozen() const override { return true; }
  void infer(backend::Tensor& x, const Pass& pass, backend::Tensor& y) override;
  const backend::Tensor& forward(const backend::Tensor& x, const Pass& pass) override;
  void backward(backend::Tensor& dy, bool want_dx, backend::Tensor& dx) override;

 private:
  backend::Backend& backend_;
  backend::Shape x_shape_;
  const backend::Lengths* lengths_ = nullptr;
  backend::Tensor plain_, y_;
};

// (B, 1, W, C) -> (B, C): the mean over the valid steps.
class MeanOverTime : public Layer {
 public:
  explicit MeanOverTime(backend::Backend& backend) : backend_(backend) {}

  bool frozen() const override { return true; }
  backend::Lengths out_lengths(const backend::Lengths& in) const override { return backend::Lengths(in.size(), 1); }
  void infer(backend::Tensor& x, const Pass& pass, backend::Tensor& y) override;
  const backend::Tensor& forward(const backend::Tensor& x, const Pass& pass) override;
  void backward(backend::Tensor& dy, bool want_dx, backend::Tensor& dx) override;

 private:
  backend::Backend& backend_;
  backend::Shape x_shape_;
  const backend::Lengths* lengths_ = nullptr;
  backend::Tensor plain_, y_;
};

}  // namespace avsr::layers
