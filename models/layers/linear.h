// The fully connected layer, alone and followed by batch norm and ReLU. Leading axes are rows.
#pragma once

#include <string>

#include "models/layers/batch_norm.h"
#include "models/layers/layer.h"

namespace avsr::layers {

// y = x w^T + b; x: (…, in) in any layout, y: (rows, out). `<path>/weight` (out, in) and `<path>/bias` (out), both
// U(-1/sqrt(in), 1/sqrt(in)) as PyTorch's default.
class Linear : public Layer {
 public:
  Linear(backend::Backend& backend, ParameterArena& arena, const std::string& path, int in, int out);

  bool frozen() const override { return weight_->frozen && bias_->frozen; }
  void infer(backend::Tensor& x, const Pass& pass, backend::Tensor& y) override;
  const backend::Tensor& forward(const backend::Tensor& x, const Pass& pass) override;
  // dx = of x's shape, unless want_dx is false; gradients += .
  void backward(backend::Tensor& dy, bool want_dx, backend::Tensor& dx) override;
  void visit_outputs(const OutputVisitor& visit) const override { visit({path_, &y_}); }
  const std::string& path() const { return path_; }

 private:
  backend::Backend& backend_;
  std::string path_;
  int in_, out_;
  Parameter *weight_, *bias_;
  backend::Shape x_shape_;
  backend::Tensor x_, plain_, y_;  // x_: (rows, in), channels last
};

// y = act(bn(linear(x))). Paths: `<linear path>/…`, `<bn path>/…`.
class LinearBn : public Layer {
 public:
  LinearBn(backend::Backend& backend, ParameterArena& arena, const std::string& linear_path, const std::string& bn_path,
           int in, int out, bool relu);

  bool frozen() const override { return linear_.frozen() && bn_.frozen(); }
  void infer(backend::Tensor& x, const Pass& pass, backend::Tensor& y) override;
  const backend::Tensor& forward(const backend::Tensor& x, const Pass& pass) override;
  void backward(backend::Tensor& dy, bool want_dx, backend::Tensor& dx) override;  // uses Scratch::a
  void visit_outputs(const OutputVisitor& visit) const override {
    visit({linear_.path(), &y_, nullptr, bn_.spec().relu});
  }

 private:
  Linear linear_;
  BatchNorm bn_;
  Scratch* scratch_ = nullptr;
  backend::Tensor linear_out_, y_;
};

}  // namespace avsr::layers
