// One optimizer step over the parameters that train. The state lies in flat tensors as long as the parameter arena.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "models/checkpoint.h"
#include "models/layers/parameters.h"
#include "pipeline/training/optimizer_settings.h"

namespace avsr::pipeline {

class OptimizerState {
 public:
  // ranges: flat [first, last) stretches of the arena's values that are written; all else is left alone.
  OptimizerState(const Optimizer& settings, layers::ParameterArena& arena,
                 const std::vector<std::pair<int64_t, int64_t>>& ranges);

  // Starts to compute the Euclidean norm of the arena's gradients in these ranges, and waits for nothing.
  void launch_norm();
  // Of the last launch_norm(); waits for the device.
  double norm();
  // Reads the arena's gradients, whose norm is given for clipping; step counts from 1. Waits for nothing.
  void step(double rate, int64_t step, double norm);

  models::NamedTensors tensors();  // for the checkpoint

 private:
  struct Range {
    backend::Tensor gradient, value, first, second;  // views
  };
  void step(Range& range, float rate, int64_t step, float gradient_scale);
  bool has_first() const;   // momentum, or Adam's first moment
  bool has_second() const;  // sums or means of squares
  backend::Tensor slice(const backend::Tensor& flat, const std::pair<int64_t, int64_t>& range) const;

  Optimizer settings_;
  backend::Backend& backend_;
  backend::Tensor first_, second_;  // empty where not needed
  std::vector<Range> ranges_;
  std::vector<backend::Tensor> gradients_;  // of the ranges
  backend::Tensor norm_;
};

}  // namespace avsr::pipeline
