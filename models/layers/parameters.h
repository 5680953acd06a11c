// One arena for all parameters of a model: values, gradients and batch-norm statistics are flat tensors, and each
// parameter is a named view. Freezing is a range, an optimizer is one pass, a checkpoint is one copy.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "models/backend/backend.h"

namespace avsr::layers {

// How a parameter starts. conv: N(0, sqrt(2 / (kernel x out channels))); uniform: U(-bound, bound).
struct Init {
  enum class Kind : uint8_t { constant, normal, uniform } kind = Kind::constant;
  float value = 0;   // the constant, the deviation or the bound
  float forget = 0;  // uniform: added to the second of four quarters, the forget gates of an LSTM's bias
};

struct Parameter {
  std::string name;          // path, e.g. video/trunk/layer3/0/conv1/weight
  backend::Tensor value;     // view into the arena
  backend::Tensor gradient;  // view; empty for statistics
  bool statistic = false;    // batch-norm running mean or variance: saved, not trained
  bool frozen = false;
  Init init;
};

// Layers hold Parameter* handed out by declare(); the addresses stay valid for the arena's life, the views are set by
// allocate(). Declare everything first, then allocate once.
class ParameterArena {
 public:
  ParameterArena() = default;
  ParameterArena(const ParameterArena&) = delete;
  ParameterArena& operator=(const ParameterArena&) = delete;

  // Throws std::invalid_argument on a name already declared, and std::logic_error after allocate().
  Parameter* declare(const std::string& name, const backend::Shape& shape, Init init, bool statistic = false);
  // Lays out weights then statistics in declaration order, without gaps, and initialises each from (seed, its name):
  // the values of a parameter do not depend on what else is declared. Gradients start at zero.
  void allocate(backend::Backend& backend, uint64_t seed);
  backend::Backend& backend() const;  // given to allocate(); must outlive the arena

  Parameter& at(const std::string& name);                      // throws std::invalid_argument with the nearest names
  const std::vector<Parameter*>& all() const { return all_; }  // declaration order, statistics included
  int64_t count(const std::string& prefix = "") const;         // weights (frozen or not, no statistics) under a path
  backend::Tensor& values() { return values_; }                // flat: all weights
  backend::Tensor& gradients() { return gradients_; }          // flat: same order as values
  backend::Tensor& statistics() { return statistics_; }        // flat; has one unused element when there are none
  void zero_gradients();

  // Freezes all and then thaws every parameter whose name starts with one of the prefixes (whole path components; ""
  // is everything). Throws when a prefix matches nothing.
  void train_only(const std::vector<std::string>& prefixes);
  bool frozen(const std::string& prefix) const;  // true when no weight under the path trains
  // Flat ranges [first, last) of values() that train, merged where they touch. What lies outside them in gradients()
  // is unspecified: a frozen layer above a trained one may leave its gradient there.
  std::vector<std::pair<int64_t, int64_t>> trainable_ranges() const;

  // Backward tells whoever watches as soon as the gradients of some weights are final, as stretches [first, last) of
  // the flat arena in no order: they can be added up over ranks while the rest is computed. What backward does not
  // tell of is final when it returns.
  using Watch = std::function<void(int64_t first, int64_t last)>;
  void watch_gradients(Watch watch) { watch_ = std::move(watch); }  // empty: nobody watches
  void gradients_final(size_t first, size_t last) const;            // of the parameters all()[first] to all()[last - 1]
  void gradients_final(const std::string& path) const;              // of all under a path

  // Packed inference weights know by these numbers that they are stale. version() grows with every write;
  // frozen_version() is its value after the last write that may have reached frozen parameters too.
  uint64_t version() const { return version_; }
  uint64_t frozen_version() const { return frozen_version_; }
  // Whether what was made of parameters at version `made` (0: never) still holds. frozen: all of them are.
  bool still_holds(uint64_t made, bool frozen) const { return frozen ? made >= frozen_version_ : made == version_; }
  void touch();            // values or statistics were written: anything may have changed
  void touch_trainable();  // only parameters that are not frozen, and statistics beside them, were written

 private:
  std::deque<Parameter> parameters_;
  std::vector<Parameter*> all_;
  std::unordered_map<std::string, Parameter*> by_name_;
  backend::Backend* backend_ = nullptr;
  backend::Tensor values_, gradients_, statistics_;
  Watch watch_;
  uint64_t version_ = 1, frozen_version_ = 1;
};

// True when `name` is `prefix` or lies under it as a path; "" holds everything.
bool under_path(const std::string& name, const std::string& prefix);

}  // namespace avsr::layers
