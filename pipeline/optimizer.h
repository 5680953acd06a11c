// One optimizer step over the parameters that train. The state lies in flat tensors as long as the parameter arena.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "models/checkpoint.h"
#include "models/layers/parameters.h"
#include "pipeline/recipe.h"

namespace avsr::pipeline {

class OptimizerState {
 public:
  // ranges: flat [first, last) stretches of the arena's values that are written; all else is left alone.
  OptimizerState(const Optimizer& settings, layers::ParameterArena& arena,
                 std::vector<std::pair<int64_t, int64_t>> ranges);

  // Reads the arena's gradients; step counts from 1. Returns the gradients' norm before clipping (only computed, and
  // not 0, when clip_norm is set). Nothing is written when that norm is not finite.
  double step(double rate, int64_t step);

  models::NamedTensors tensors();  // for the checkpoint

 private:
  Optimizer settings_;
  layers::ParameterArena& arena_;
  std::vector<std::pair<int64_t, int64_t>> ranges_;
  backend::Tensor first_, second_;  // Adam's moments; SGD has its momentum in first_
};

}  // namespace avsr::pipeline
