#include "models/layers/conv_bn.h"

#include <stdexcept>

namespace avsr::layers {

using backend::Shape;
using backend::Tensor;

namespace {
constexpr size_t kPackedShapes = 4;
}

ConvBn::ConvBn(backend::Backend& backend, ParameterArena& arena, const std::string& conv_path,
               const std::string& bn_path, const backend::ConvSpec& spec, Options options)
    : backend_(backend),
      arena_(arena),
      path_(conv_path),
      options_(options),
      conv_(backend, arena, conv_path, spec),
      bn_(backend, arena, bn_path, {.channels = spec.out_channels, .relu = relu(), .residual = options.residual}) {
  if (Activation::stands_alone(options.activation))
    activation_.emplace(backend, arena, bn_path, options.activation, spec.out_channels);
}

const Tensor& ConvBn::packed_for(const Shape& x) {
  if (!arena_.still_holds(packed_version_, frozen())) {
    bn_.fold(scale_, shift_);
    packed_.clear();
    packed_version_ = arena_.version();
  }
  for (const auto& [shape, packed] : packed_)
    if (shape == x) return packed;
  if (packed_.size() == kPackedShapes) packed_.erase(packed_.begin());
  packed_.emplace_back(x, Tensor{});
  conv_.pack(x, scale_, packed_.back().second);
  return packed_.back().second;
}

void ConvBn::infer(const Tensor& x, const Tensor& residual, const Pass& pass, Tensor& y) {
  const Tensor& packed = packed_for(x.shape);
  conv_.infer(x, packed, shift_, residual, relu(), y);
  if (activation_) activation_->infer(y);
  if (pass.out) backend_.mask(y, *pass.out);
}

const Tensor& ConvBn::forward(const Tensor& x, const Tensor& residual, const Pass& pass) {
  x_ = x;
  pass_ = pass;
  conv_.forward(x, conv_out_);
  bn_.forward(conv_out_, residual, pass.out, frozen() && !pass.move_frozen_statistics, activation_ ? sum_ : y_);
  if (activation_) activation_->forward(sum_, y_);
  return y_;
}

void ConvBn::backward(Tensor& dy, bool want_dx, Tensor& dx) {
  if (options_.residual) throw std::logic_error("[conv_bn] backward of a residual layer wants dresidual");
  Tensor none;
  backward(dy, want_dx, dx, none);
}

void ConvBn::backward(const Tensor& dy, bool want_dx, Tensor& dx, Tensor& dresidual) {
  Tensor& d_conv = pass_.scratch->a;
  if (activation_) {
    activation_->backward(dy, pass_.scratch->c);
    bn_.backward(conv_out_, sum_, pass_.scratch->c, pass_.out, d_conv, dresidual);
  } else {
    bn_.backward(conv_out_, y_, dy, pass_.out, d_conv, dresidual);
  }
  conv_.backward(x_, d_conv, want_dx, dx);
}

}  // namespace avsr::layers
