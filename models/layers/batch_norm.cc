#include "models/layers/batch_norm.h"

#include <cmath>

namespace avsr::layers {

using backend::Lengths;
using backend::Tensor;

BatchNorm::BatchNorm(backend::Backend& backend, ParameterArena& arena, const std::string& path,
                     const backend::BatchNormSpec& spec)
    : backend_(backend), spec_(spec) {
  const backend::Shape shape{spec.channels};
  weight_ = arena.declare(path + "/weight", shape, {Init::Kind::constant, 1});
  bias_ = arena.declare(path + "/bias", shape, {Init::Kind::constant, 0});
  mean_ = arena.declare(path + "/running_mean", shape, {Init::Kind::constant, 0}, true);
  variance_ = arena.declare(path + "/running_var", shape, {Init::Kind::constant, 1}, true);
}

void BatchNorm::forward(const Tensor& x, const Tensor& residual, const Lengths* lengths, bool fixed_statistics,
                        Tensor& y) {
  fixed_ = fixed_statistics;
  if (fixed_) return infer(x, residual, lengths, y);
  backend_.batch_norm(spec_)->forward(x, residual, weight_->value, bias_->value, mean_->value, variance_->value,
                                      lengths, saved_, y);
}

void BatchNorm::backward(const Tensor& x, const Tensor& y, const Tensor& dy, const Lengths* lengths, Tensor& dx,
                         Tensor& dresidual) {
  const auto kernel = backend_.batch_norm(spec_);
  if (fixed_)
    kernel->backward_fixed(x, y, dy, weight_->value, mean_->value, variance_->value, lengths, dx, dresidual,
                           weight_->gradient, bias_->gradient);
  else
    kernel->backward(x, y, dy, weight_->value, saved_, lengths, dx, dresidual, weight_->gradient, bias_->gradient);
}

void BatchNorm::infer(const Tensor& x, const Tensor& residual, const Lengths* lengths, Tensor& y) {
  backend_.batch_norm(spec_)->infer(x, residual, weight_->value, bias_->value, mean_->value, variance_->value, lengths,
                                    y);
}

void BatchNorm::fold(Tensor& scale, Tensor& shift) {
  const auto weight = backend_.values(weight_->value), bias = backend_.values(bias_->value);
  const auto mean = backend_.values(mean_->value), variance = backend_.values(variance_->value);
  std::vector<float> factor(weight.size()), offset(weight.size());
  for (size_t c = 0; c < weight.size(); ++c) {
    const double f = weight[c] / std::sqrt(static_cast<double>(variance[c]) + spec_.epsilon);
    factor[c] = static_cast<float>(f);
    offset[c] = static_cast<float>(bias[c] - mean[c] * f);
  }
  scale = backend_.from_values({spec_.channels}, factor);
  shift = backend_.from_values({spec_.channels}, offset);
}

}  // namespace avsr::layers
