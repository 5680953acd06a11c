// The contract of every layer of a chain: explicit forward, backward and inference, no recorded graph.
//
//   infer    running statistics, nothing kept; x's memory may be reused for the result
//   forward  keeps what backward needs (a handle on x among it: x must stay as it is until backward)
//   backward dx = (overwritten); parameter gradients += ; dy may be overwritten as scratch
//
// Batch norm of a frozen layer uses its running statistics in forward too, and leaves them as they are, unless
// Pass::move_frozen_statistics.
#pragma once

#include <functional>
#include <string>

#include "models/backend/backend.h"

namespace avsr::layers {

// Temporaries that the layers of one network share; contents are lost between any two calls.
struct Scratch {
  backend::Tensor ping, pong;  // of Chain
  backend::Tensor a, b, c;     // inside one layer; c: the gradient in front of an activation
};

// What accompanies a tensor through a layer.
struct Pass {
  // Valid steps along axis W of a (B, 1, W, C) tensor, before and after the layer. Null: all steps are valid. What they
  // point to stays alive until backward has run.
  const backend::Lengths* in = nullptr;
  const backend::Lengths* out = nullptr;
  bool move_frozen_statistics = false;
  bool keep_x = false;  // infer must leave x as it is
  Scratch* scratch = nullptr;
};

// What a layer put out in the last training pass, for whoever watches a training. It lives until the next pass.
struct Output {
  std::string path;  // of its parameters
  const backend::Tensor* values = nullptr;
  const backend::Lengths* lengths = nullptr;  // valid steps along the axis before the last; null: all
  bool relu = false;                          // a ReLU made it
};
using OutputVisitor = std::function<void(const Output& output)>;

class Layer {
 public:
  virtual ~Layer() = default;
  // True when no parameter of the layer trains (so always, when it has none).
  virtual bool frozen() const = 0;
  // Valid steps of the output; throws std::invalid_argument when a clip is too short for the layer.
  virtual backend::Lengths out_lengths(const backend::Lengths& in) const { return in; }

  // y = ; x may have been overwritten or exchanged with y afterwards, unless Pass::keep_x.
  virtual void infer(backend::Tensor& x, const Pass& pass, backend::Tensor& y) = 0;
  // The result is the layer's own and lives until its next forward.
  virtual const backend::Tensor& forward(const backend::Tensor& x, const Pass& pass) = 0;
  // Of the last forward. dx is skipped when want_dx is false.
  virtual void backward(backend::Tensor& dy, bool want_dx, backend::Tensor& dx) = 0;
  // The outputs of the last forward that come of parameters, in the order of the pass. A layer without has none.
  virtual void visit_outputs(const OutputVisitor&) const {}
};

}  // namespace avsr::layers
