// Layers one after the other, with ragged lengths and freezing handled in one place.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "models/layers/layer.h"
#include "models/layers/parameters.h"

namespace avsr::layers {

// In training, the frozen layers below the lowest trainable one run as in inference and keep nothing, unless the input
// itself needs a gradient or their statistics move. Backward stops at the lowest trainable layer.
class Chain {
 public:
  Chain(backend::Backend& backend, ParameterArena& arena, Scratch& scratch)
      : backend_(backend), arena_(arena), scratch_(scratch) {}

  template <typename L, typename... Args>
  void add(Args&&... args) {
    const size_t declared = arena_.all().size();
    layers_.push_back(std::make_unique<L>(std::forward<Args>(args)...));
    parameters_.emplace_back(declared, arena_.all().size());
  }

  bool frozen() const;
  backend::Lengths out_lengths(backend::Lengths lengths) const;

  // lengths: valid steps of x along W, or null. y: overwritten.
  void infer(const backend::Tensor& x, const backend::Lengths* lengths, backend::Tensor& y);
  struct Options {
    bool want_dx = false;  // backward will be asked for dx
    bool move_frozen_statistics = false;
  };
  // The result lives until the next forward.
  const backend::Tensor& forward(const backend::Tensor& x, const backend::Lengths* lengths, Options options);
  // dy may be overwritten. dx = , only with Options::want_dx.
  void backward(backend::Tensor& dy, backend::Tensor& dx);
  // Of the layers that the last forward did not run as in inference; none after infer.
  void visit_outputs(const OutputVisitor& visit) const;

 private:
  size_t lowest_trainable() const;
  void propagate(const backend::Lengths* lengths);
  Pass pass(size_t layer) const;
  backend::Tensor* run_inference(const backend::Tensor& x, size_t last);

  backend::Backend& backend_;
  ParameterArena& arena_;
  Scratch& scratch_;
  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<std::pair<size_t, size_t>> parameters_;  // of each layer: [first, last) in the arena's order
  std::vector<backend::Lengths> lengths_;  // before layer i, and after the last; empty when all steps are valid
  backend::Tensor frozen_out_;             // output of the layers that ran as in inference
  backend::Tensor x_;
  Options options_;
  size_t first_kept_ = 0;  // lowest layer with a gradient
  size_t first_run_ = 0;   // lowest layer that the last pass did not run as in inference
};

}  // namespace avsr::layers
