#include "models/layers/activation.h"

#include <stdexcept>

namespace avsr::layers {

using backend::Tensor;

Activation::Activation(backend::Backend& backend, ParameterArena& arena, const std::string& path,
                       backend::Activation kind, int channels)
    : backend_(backend) {
  if (!stands_alone(kind)) throw std::invalid_argument("[activation] expected PReLU or Swish for " + path);
  if (kind == backend::Activation::prelu)
    slope_ = arena.declare(path + "/slope", {channels}, {Init::Kind::constant, 0.25f});
}

void Activation::infer(Tensor& x) {
  const Tensor source = x;
  slope_ ? backend_.prelu(source, slope_->value, x) : backend_.swish(source, x);
}

void Activation::forward(const Tensor& x, Tensor& y) {
  x_ = x;
  slope_ ? backend_.prelu(x, slope_->value, y) : backend_.swish(x, y);
}

void Activation::backward(const Tensor& dy, Tensor& dx) {
  if (slope_)
    backend_.prelu_backward(x_, slope_->value, dy, dx, slope_->gradient);
  else
    backend_.swish_backward(x_, dy, dx);
}

}  // namespace avsr::layers
