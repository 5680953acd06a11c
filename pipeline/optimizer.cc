#include "pipeline/optimizer.h"

#include <cmath>

namespace avsr::pipeline {
namespace {

backend::Tensor slice(const backend::Tensor& flat, const std::pair<int64_t, int64_t>& range) {
  backend::Tensor view = flat;
  view.shape = {range.second - range.first};
  view.offset_bytes += static_cast<size_t>(range.first) * sizeof(float);
  return view;
}

}  // namespace

OptimizerState::OptimizerState(const Optimizer& settings, layers::ParameterArena& arena,
                               std::vector<std::pair<int64_t, int64_t>> ranges)
    : settings_(settings), arena_(arena), ranges_(std::move(ranges)) {
  first_ = arena.backend().zeros(arena.values().shape);
  if (settings.kind != Optimizer::Kind::sgd) second_ = arena.backend().zeros(arena.values().shape);
}

double OptimizerState::step(double rate, int64_t step) {
  backend::Backend& device = arena_.backend();
  double norm = 0;
  float scale = 1;
  if (settings_.clip_norm > 0) {
    for (const auto& range : ranges_) norm += device.sum_of_squares(slice(arena_.gradients(), range));
    norm = std::sqrt(norm);
    if (!std::isfinite(norm)) return norm;
    if (norm > settings_.clip_norm) scale = static_cast<float>(settings_.clip_norm / norm);
  }
  for (const auto& range : ranges_) {
    const backend::Tensor gradient = slice(arena_.gradients(), range);
    backend::Tensor first = slice(first_, range), value = slice(arena_.values(), range);
    if (settings_.kind == Optimizer::Kind::sgd) {
      device.sgd({static_cast<float>(rate), settings_.momentum, settings_.weight_decay, scale, step}, gradient, first,
                 value);
      continue;
    }
    backend::Tensor second = slice(second_, range);
    backend::AdamStep adam;
    adam.rate = static_cast<float>(rate);
    adam.weight_decay = settings_.weight_decay;
    adam.decoupled = settings_.kind == Optimizer::Kind::adamw;
    adam.step = step;
    adam.gradient_scale = scale;
    device.adam(adam, gradient, first, second, value);
  }
  return norm;
}

models::NamedTensors OptimizerState::tensors() {
  models::NamedTensors tensors{{"optimizer/first", &first_}};
  if (!second_.empty()) tensors.emplace_back("optimizer/second", &second_);
  return tensors;
}

}  // namespace avsr::pipeline
