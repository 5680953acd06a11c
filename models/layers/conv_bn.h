// Convolution, batch norm, optional residual sum, optional activation: y = act(bn(conv(x)) (+ residual)).
#pragma once

#include <optional>

#include "models/layers/activation.h"
#include "models/layers/batch_norm.h"
#include "models/layers/conv.h"
#include "models/layers/layer.h"

namespace avsr::layers {

// Parameters: `<conv path>/weight`, those of BatchNorm under `<bn path>`, and PReLU's `<bn path>/slope`. In inference
// the batch norm is folded into packed weights, made again when the arena's version says that they are stale.
class ConvBn : public Layer {
 public:
  struct Options {
    backend::Activation activation = backend::Activation::relu;
    bool residual = false;
  };
  ConvBn(backend::Backend& backend, ParameterArena& arena, const std::string& conv_path, const std::string& bn_path,
         const backend::ConvSpec& spec, Options options);

  bool frozen() const override { return conv_.frozen() && bn_.frozen() && (!activation_ || activation_->frozen()); }
  backend::Lengths out_lengths(const backend::Lengths& in) const override { return conv_.out_lengths(in); }

  void infer(backend::Tensor& x, const Pass& pass, backend::Tensor& y) override { infer(x, {}, pass, y); }
  const backend::Tensor& forward(const backend::Tensor& x, const Pass& pass) override { return forward(x, {}, pass); }
  // dx = (unless want_dx is false), gradients += . Uses Scratch::a and c. Only without residual.
  void backward(backend::Tensor& dy, bool want_dx, backend::Tensor& dx) override;

  void visit_outputs(const OutputVisitor& visit) const override { visit({path_, &y_, pass_.out, relu()}); }

  // With a residual of y's shape; it may share y's memory in infer.
  void infer(const backend::Tensor& x, const backend::Tensor& residual, const Pass& pass, backend::Tensor& y);
  const backend::Tensor& forward(const backend::Tensor& x, const backend::Tensor& residual, const Pass& pass);
  // dresidual = , may share memory with dy.
  void backward(const backend::Tensor& dy, bool want_dx, backend::Tensor& dx, backend::Tensor& dresidual);

 private:
  bool relu() const { return options_.activation == backend::Activation::relu; }
  // A back end may pack differently for each shape of x, so a few shapes are kept.
  const backend::Tensor& packed_for(const backend::Shape& x);

  backend::Backend& backend_;
  ParameterArena& arena_;
  std::string path_;  // of the convolution
  Options options_;
  Conv conv_;
  BatchNorm bn_;
  std::optional<Activation> activation_;  // one that stands alone
  backend::Tensor x_, conv_out_, sum_,
      y_;  // of the last forward; x_ is the caller's memory; sum_: the activation's input
  Pass pass_;
  std::vector<std::pair<backend::Shape, backend::Tensor>> packed_;  // inference
  backend::Tensor scale_, shift_;
  uint64_t packed_version_ = 0;
};

}  // namespace avsr::layers
