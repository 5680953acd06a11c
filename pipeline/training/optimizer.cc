#include "pipeline/training/optimizer.h"

namespace avsr::pipeline {

using backend::Tensor;
using Kind = Optimizer::Kind;

OptimizerState::OptimizerState(const Optimizer& settings, layers::ParameterArena& arena,
                               const std::vector<std::pair<int64_t, int64_t>>& ranges)
    : settings_(settings), backend_(arena.backend()) {
  if (has_first()) first_ = backend_.zeros(arena.values().shape);
  if (has_second()) second_ = backend_.zeros(arena.values().shape);
  for (const auto& range : ranges) {
    ranges_.push_back(
        {slice(arena.gradients(), range), slice(arena.values(), range), slice(first_, range), slice(second_, range)});
    gradients_.push_back(ranges_.back().gradient);
  }
}

bool OptimizerState::has_first() const {
  switch (settings_.kind) {
    case Kind::adam:
    case Kind::adamw:
      return true;
    case Kind::sgd:
    case Kind::rmsprop:
      return settings_.momentum != 0;
    case Kind::adagrad:
      return false;
  }
  return false;
}

bool OptimizerState::has_second() const { return settings_.kind != Kind::sgd; }

Tensor OptimizerState::slice(const Tensor& flat, const std::pair<int64_t, int64_t>& range) const {
  Tensor view = flat;
  if (flat.empty()) return view;
  view.shape = {range.second - range.first};
  view.offset_bytes += static_cast<size_t>(range.first) * sizeof(float);
  return view;
}

void OptimizerState::launch_norm() { backend_.norm(gradients_, norm_); }

double OptimizerState::norm() { return backend_.values(norm_)[0]; }

void OptimizerState::step(double rate, int64_t step, double norm) {
  const bool clips = settings_.clip_norm > 0 && norm > settings_.clip_norm;
  const float gradient_scale = clips ? static_cast<float>(settings_.clip_norm / norm) : 1;
  for (Range& range : ranges_) this->step(range, static_cast<float>(rate), step, gradient_scale);
}

void OptimizerState::step(Range& range, float rate, int64_t step, float gradient_scale) {
  const Optimizer& s = settings_;
  auto& [gradient, value, first, second] = range;
  switch (s.kind) {
    case Kind::adam:
    case Kind::adamw:
      backend_.adam({.rate = rate,
                     .beta1 = s.beta1,
                     .beta2 = s.beta2,
                     .epsilon = s.epsilon,
                     .weight_decay = s.weight_decay,
                     .decoupled = s.decoupled,
                     .step = step,
                     .gradient_scale = gradient_scale},
                    gradient, first, second, value);
      break;
    case Kind::sgd:
      backend_.sgd({.rate = rate,
                    .momentum = s.momentum,
                    .weight_decay = s.weight_decay,
                    .gradient_scale = gradient_scale,
                    .step = step,
                    .decoupled = s.decoupled},
                   gradient, first, value);
      break;
    case Kind::adagrad:
      backend_.adagrad({.rate = rate,
                        .epsilon = s.epsilon,
                        .weight_decay = s.weight_decay,
                        .gradient_scale = gradient_scale,
                        .decoupled = s.decoupled},
                       gradient, second, value);
      break;
    case Kind::rmsprop:
      backend_.rmsprop({.rate = rate,
                        .smoothing = s.smoothing,
                        .epsilon = s.epsilon,
                        .momentum = s.momentum,
                        .weight_decay = s.weight_decay,
                        .gradient_scale = gradient_scale,
                        .decoupled = s.decoupled},
                       gradient, second, first, value);
      break;
  }
}

models::NamedTensors OptimizerState::tensors() {
  models::NamedTensors tensors;
  if (!first_.empty()) tensors.emplace_back("optimizer/first", &first_);
  if (!second_.empty()) tensors.emplace_back("optimizer/second", &second_);
  return tensors;
}

}  // namespace avsr::pipeline
