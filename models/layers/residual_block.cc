#include "models/layers/residual_block.h"

#include <utility>

namespace avsr::layers {

using backend::ConvSpec;
using backend::Tensor;

namespace {

ConvSpec spec(const ResidualBlock::Shape& s, int in_channels, int width, int stride) {
  const int height = s.dimensions == 2 ? width : 1, height_stride = s.dimensions == 2 ? stride : 1;
  return {.in_channels = in_channels,
          .out_channels = s.out_channels,
          .kernel = {1, height, width},
          .stride = {1, height_stride, stride},
          .padding = {0, height / 2, width / 2}};
}

}  // namespace

ResidualBlock::ResidualBlock(backend::Backend& backend, ParameterArena& arena, const std::string& path, Shape shape)
    : backend_(backend),
      conv1_(backend, arena, path + "/conv1", path + "/bn1", spec(shape, shape.in_channels, 3, shape.stride),
             {.activation = shape.activation}),
      conv2_(backend, arena, path + "/conv2", path + "/bn2", spec(shape, shape.out_channels, 3, 1),
             {.activation = shape.activation, .residual = true}) {
  if (shape.stride != 1 || shape.in_channels != shape.out_channels)
    shortcut_.emplace(backend, arena, path + "/shortcut/conv", path + "/shortcut/bn",
                      spec(shape, shape.in_channels, 1, shape.stride),
                      ConvBn::Options{.activation = backend::Activation::none});
}

bool ResidualBlock::frozen() const { return conv1_.frozen() && conv2_.frozen() && (!shortcut_ || shortcut_->frozen()); }

void ResidualBlock::infer(Tensor& x, const Pass& pass, Tensor& y) {
  Tensor& hidden = pass.scratch->a;
  conv1_.infer(x, {}, pass, hidden);
  const Pass inner{.in = pass.out, .out = pass.out, .scratch = pass.scratch};
  if (shortcut_)
    shortcut_->infer(x, {}, pass, y);
  else if (pass.keep_x)
    backend_.copy(x, y);
  else
    std::swap(x, y);
  const Tensor residual = y;  // a second handle on the memory that conv2 writes
  conv2_.infer(hidden, residual, inner, y);
}

const Tensor& ResidualBlock::forward(const Tensor& x, const Pass& pass) {
  scratch_ = pass.scratch;
  Pass inner = pass;
  inner.in = pass.out;
  const Tensor& hidden = conv1_.forward(x, pass);
  const Tensor& residual = shortcut_ ? shortcut_->forward(x, pass) : x;
  return conv2_.forward(hidden, residual, inner);
}

void ResidualBlock::visit_outputs(const OutputVisitor& visit) const {
  conv1_.visit_outputs(visit);
  if (shortcut_) shortcut_->visit_outputs(visit);
  conv2_.visit_outputs(visit);
}

void ResidualBlock::backward(Tensor& dy, bool want_dx, Tensor& dx) {
  Tensor& d_hidden = scratch_->b;
  Tensor d_residual = dy;  // the batch norm may mask dy in place
  conv2_.backward(dy, true, d_hidden, d_residual);
  conv1_.backward(d_hidden, want_dx, dx);
  if (shortcut_) {
    shortcut_->backward(d_residual, want_dx, d_hidden);  // d_hidden is free by now: it takes the shortcut's dx
    if (want_dx) backend_.add(d_hidden, dx);
  } else if (want_dx) {
    backend_.add(d_residual, dx);
  }
}

}  // namespace avsr::layers
