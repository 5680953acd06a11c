// One arena for all parameters of a model: values, gradients and batch-norm statistics are flat tensors, and each
// parameter is a named view. Freezing is a range, an optimizer is one pass, a checkpoint is one copy.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "models/backend/backend.h"

namespace avsr::layers {

// How a parameter starts. conv: N(0, sqrt(2 / (kernel x out channels))); uniform: U(-bound, bound).
struct Init {
  enum class Kind : uint8_t { constant, normal, uniform } kind = Kind::constant;
  float value = 0;  // the constant, the deviation or the bound
};

struct Parameter {
  std::string name;               // path, e.g. video/trunk/layer3/0/conv1/weight
  backend::Tensor value;          // view into the arena
  backend::Tensor gradient;       // view; empty for statistics
  bool statistic = false;         // batch-norm running mean or variance: saved, not trained
  bool frozen = false;
  Init init;
};

// Layers hold Parameter* handed out by declare(); the addresses stay valid for the arena's life, the views are set by
// allocate(). Declare everything first, then allocate once.
class ParameterArena {
 public:
  Parameter* declare(const std::string& name, const backend::Shape& shape, Init init, bool statistic = false);
  // Lays out weights then statistics in declaration order, without gaps, and initialises each from (seed, its name).
  void allocate(backend::Backend& backend, uint64_t seed);

  Parameter& at(const std::string& name);         // throws std::invalid_argument with the nearest names
  const std::vector<Parameter*>& all() const;      // declaration order
  int64_t count(const std::string& prefix = "") const;  // trainable values under a path
  backend::Tensor& values();                       // flat: all weights
  backend::Tensor& gradients();                    // flat: same order as values
  backend::Tensor& statistics();                   // flat
  void zero_gradients();

  // Freezes all and then thaws every parameter whose name starts with one of the prefixes (whole path components).
  // Throws when a prefix matches nothing.
  void train_only(const std::vector<std::string>& prefixes);
  bool frozen(const std::string& prefix) const;    // true when no weight under the path trains
  // Flat ranges [first, last) of values() that train, merged where they touch.
  std::vector<std::pair<int64_t, int64_t>> trainable_ranges() const;
  // Changes whenever values or statistics were written, so that packed inference weights know that they are stale.
  uint64_t version() const;
  void touch();
};

}  // namespace avsr::layers
