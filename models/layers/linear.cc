#include "models/layers/linear.h"

#include <cmath>

namespace avsr::layers {

using backend::Tensor;

Linear::Linear(backend::Backend& backend, ParameterArena& arena, const std::string& path, int in, int out)
    : backend_(backend), path_(path), in_(in), out_(out) {
  const Init init{Init::Kind::uniform, 1 / std::sqrt(static_cast<float>(in))};
  weight_ = arena.declare(path + "/weight", {out, in}, init);
  bias_ = arena.declare(path + "/bias", {out}, init);
}

void Linear::infer(Tensor& x, const Pass&, Tensor& y) {
  if (x.layout == backend::Layout::kChannelsLast) {
    x_ = x;
  } else {
    backend_.to_channels_last(x, plain_);
    x_ = plain_;
  }
  x_ = x_.reshaped({x.shape.count() / in_, in_});
  backend_.linear(in_, out_)->forward(x_, weight_->value, bias_->value, y);
}

const Tensor& Linear::forward(const Tensor& x, const Pass& pass) {
  Tensor handle = x;
  x_shape_ = x.shape;
  infer(handle, pass, y_);
  return y_;
}

void Linear::backward(Tensor& dy, bool want_dx, Tensor& dx) {
  backend_.linear(in_, out_)->backward(x_, dy, weight_->value, want_dx, dx, weight_->gradient, bias_->gradient);
  if (want_dx) dx = dx.reshaped(x_shape_);
}

LinearBn::LinearBn(backend::Backend& backend, ParameterArena& arena, const std::string& linear_path,
                   const std::string& bn_path, int in, int out, bool relu)
    : linear_(backend, arena, linear_path, in, out), bn_(backend, arena, bn_path, {.channels = out, .relu = relu}) {}

void LinearBn::infer(Tensor& x, const Pass& pass, Tensor& y) {
  linear_.infer(x, pass, y);
  const Tensor in_place = y;
  bn_.infer(in_place, {}, nullptr, y);
}

const Tensor& LinearBn::forward(const Tensor& x, const Pass& pass) {
  scratch_ = pass.scratch;
  linear_out_ = linear_.forward(x, pass);
  bn_.forward(linear_out_, {}, nullptr, frozen() && !pass.move_frozen_statistics, y_);
  return y_;
}

void LinearBn::backward(Tensor& dy, bool want_dx, Tensor& dx) {
  Tensor none;
  bn_.backward(linear_out_, y_, dy, nullptr, scratch_->a, none);
  linear_.backward(scratch_->a, want_dx, dx);
}

}  // namespace avsr::layers
