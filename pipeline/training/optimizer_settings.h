// How a stage's recipe sets its optimizer.
#pragma once

#include <cstdint>
#include <string>

namespace YAML {
class Node;
}

namespace avsr::pipeline {

struct Optimizer {
  enum class Kind : uint8_t { adam, adamw, sgd, adagrad, rmsprop } kind = Kind::adam;
  float weight_decay = 0;
  // Parameters shrink by rate x weight_decay before the step; false: weight_decay x parameter is added to the gradient.
  bool decoupled = false;
  float clip_norm = 0;    // gradients are scaled down to this Euclidean norm; 0: never
  float momentum = 0.9f;  // of sgd; of rmsprop, 0 unless the recipe says more
  float beta1 = 0.9f;     // of adam and adamw, as beta2
  float beta2 = 0.999f;
  float smoothing = 0.99f;  // of rmsprop: what its mean square keeps at a step
  float epsilon = 1e-8f;    // of all but sgd; of adagrad 1e-10 unless the recipe says otherwise
};

// A name or a mapping; undefined: the defaults. Throws std::invalid_argument with origin and line, also on a key that
// this kind of optimizer has no use for.
Optimizer read_optimizer(const YAML::Node& node, const std::string& origin);

}  // namespace avsr::pipeline
