#include "models/layers/conv.h"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

namespace avsr::layers {

using backend::Lengths;
using backend::Shape;
using backend::Tensor;

Conv::Conv(backend::Backend& backend, ParameterArena& arena, const std::string& path, const backend::ConvSpec& spec)
    : backend_(backend), spec_(spec), path_(path) {
  const auto& k = spec.kernel;
  const float fan_out = static_cast<float>(k[0] * k[1] * k[2] * spec.out_channels);
  weight_ = arena.declare(path + "/weight", {spec.out_channels, k[0], k[1], k[2], spec.in_channels},
                          {Init::Kind::normal, std::sqrt(2 / fan_out)});
}

void Conv::forward(const Tensor& x, Tensor& y) { backend_.conv(spec_, x.shape)->forward(x, weight_->value, {}, y); }

void Conv::backward(const Tensor& x, const Tensor& dy, bool want_dx, Tensor& dx) {
  const auto kernel = backend_.conv(spec_, x.shape);
  Tensor no_bias;
  if (!weight_->frozen) kernel->backward_weights(x, dy, weight_->gradient, no_bias);
  if (want_dx) kernel->backward_data(dy, weight_->value, dx);
}

void Conv::pack(const Shape& x, const Tensor& scale, Tensor& packed) {
  backend_.conv(spec_, x)->pack(weight_->value, scale, packed);
}

void Conv::infer(const Tensor& x, const Tensor& packed, const Tensor& bias, const Tensor& residual, bool relu,
                 Tensor& y) {
  backend_.conv(spec_, x.shape)->infer(x, packed, bias, residual, relu, y);
}

Lengths Conv::out_lengths(const Lengths& in) const {
  return window_counts(in, spec_.reach(2), spec_.stride[2], spec_.padding[2], path_);
}

Lengths window_counts(const Lengths& in, int kernel, int stride, int padding, const std::string& what) {
  Lengths out;
  for (size_t b = 0; b < in.size(); ++b) {
    if (in[b] < 1 || in[b] + 2 * padding < kernel)
      throw std::invalid_argument(
          fmt::format("[{}] clip {} of the batch is too short: {} steps reach this layer, its "
                      "window needs {}",
                      what, b, in[b], std::max(1, kernel - 2 * padding)));
    out.push_back((in[b] + 2 * padding - kernel) / stride + 1);
  }
  return out;
}

}  // namespace avsr::layers
