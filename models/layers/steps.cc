#include "models/layers/steps.h"

namespace avsr::layers {

using backend::Shape;
using backend::Tensor;

void PackSteps::infer(Tensor& x, const Pass& pass, Tensor& y) {
  const Shape s = x.shape;
  backend_.to_channels_last(x, plain_);
  if (pass.in)
    backend_.pack(plain_.reshaped({s[0], s[2], s[3]}), *pass.in, y);
  else
    backend_.copy(plain_.reshaped({s[0] * s[2], s[3]}), y);
}

const Tensor& PackSteps::forward(const Tensor& x, const Pass& pass) {
  Tensor handle = x;
  infer(handle, pass, y_);
  x_shape_ = x.shape;
  lengths_ = pass.in;
  return y_;
}

void PackSteps::backward(Tensor& dy, bool want_dx, Tensor& dx) {
  if (!want_dx) return;
  if (lengths_) {
    backend_.pad(dy, *lengths_, x_shape_[2], dx);
    dx = dx.reshaped(x_shape_);
  } else {
    backend_.copy(dy, dx);  // not a second handle on dy, which would alias the chain's buffers
    dx = dx.reshaped(x_shape_);
  }
}

void MeanOverTime::infer(Tensor& x, const Pass& pass, Tensor& y) {
  const Shape s = x.shape;
  backend_.to_channels_last(x, plain_);
  backend_.mean_over_time(plain_.reshaped({s[0], s[2], s[3]}), pass.in, y);
}

const Tensor& MeanOverTime::forward(const Tensor& x, const Pass& pass) {
  Tensor handle = x;
  infer(handle, pass, y_);
  x_shape_ = x.shape;
  lengths_ = pass.in;
  return y_;
}

void MeanOverTime::backward(Tensor& dy, bool want_dx, Tensor& dx) {
  if (!want_dx) return;
  backend_.mean_over_time_backward(dy, lengths_, x_shape_[2], dx);
  dx = dx.reshaped(x_shape_);
}

}  // namespace avsr::layers
