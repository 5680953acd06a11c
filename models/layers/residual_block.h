// The basic block of a ResNet (He et al. 2016), post-activation: act(bn2(conv2(act(bn1(conv1(x))))) + shortcut(x)).
#pragma once

#include <optional>

#include "models/layers/conv_bn.h"

namespace avsr::layers {

// 2-D (3x3) or 1-D (k3, H = 1). The shortcut is the identity, or a 1x1 convolution with the block's stride and batch
// norm where stride or width change. Paths: conv1, bn1, conv2, bn2, shortcut/conv, shortcut/bn; PReLU's slopes are
// bn1's and bn2's.
class ResidualBlock : public Layer {
 public:
  struct Shape {
    int in_channels = 0, out_channels = 0, stride = 1, dimensions = 2;
    backend::Activation activation = backend::Activation::relu;
  };
  ResidualBlock(backend::Backend& backend, ParameterArena& arena, const std::string& path, Shape shape);

  bool frozen() const override;
  backend::Lengths out_lengths(const backend::Lengths& in) const override { return conv1_.out_lengths(in); }
  // With an identity shortcut the result lies in what was x's memory (x and y are exchanged). Uses Scratch::a.
  void infer(backend::Tensor& x, const Pass& pass, backend::Tensor& y) override;
  const backend::Tensor& forward(const backend::Tensor& x, const Pass& pass) override;
  // dy is overwritten. Uses Scratch::a, b and c.
  void backward(backend::Tensor& dy, bool want_dx, backend::Tensor& dx) override;
  void visit_outputs(const OutputVisitor& visit) const override;

 private:
  backend::Backend& backend_;
  ConvBn conv1_, conv2_;
  std::optional<ConvBn> shortcut_;
  Scratch* scratch_ = nullptr;
};

}  // namespace avsr::layers
