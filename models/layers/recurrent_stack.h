// Bidirectional recurrent layers one after the other, with dropout on their inputs.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>

#include "models/layers/layer.h"
#include "models/layers/parameters.h"

namespace avsr::layers {

// Each layer reads (B, T, D) and writes (B, T, 2 hidden). Parameters of layer i, both directions, as PyTorch:
// `<path>/layer<i>/{forward,backward}/{w_ih,w_hh,b_ih,b_hh}`, all U(-1/sqrt(hidden), 1/sqrt(hidden)),
// and options.forget_bias more for an LSTM's forget gates.
class RecurrentStack {
 public:
  struct Options {
    backend::Cell cell = backend::Cell::lstm;
    int input = 0, hidden = 0, layers = 2;
    float input_dropout = 0, hidden_dropout = 0;  // on the first, on each further layer's input
    float forget_bias = 0;                        // added to the first b_ih of an LSTM's forget gates
  };
  RecurrentStack(backend::Backend& backend, ParameterArena& arena, const std::string& path, Options options);

  bool frozen() const;
  // x: (B, T, input), zero beyond lengths (null: all steps valid). In training, layers that are not frozen drop inputs,
  // keyed by step_seed. want_dx: backward will be asked for dx. x must stay as it is until backward. The result is the
  // layer's own, lives until its next forward, and is zero beyond lengths.
  const backend::Tensor& forward(const backend::Tensor& x, const backend::Lengths* lengths, bool training,
                                 uint64_t step_seed, bool want_dx);
  // dx = (with want_dx); gradients += ; stops at the lowest layer that trains. dy may be overwritten.
  void backward(backend::Tensor& dy, backend::Tensor& dx);
  void visit_outputs(const OutputVisitor& visit) const;  // (B, T, 2 hidden) of each layer, `<path>/layer<i>`

 private:
  struct PackedWeights {
    backend::Shape shape;  // of the input
    backend::Tensor weights;
  };
  struct OneLayer {
    std::string path;
    backend::RecurrentSpec spec;
    std::array<std::array<Parameter*, 4>, 2> parameters;
    float dropout = 0;
    bool dropped = false;
    uint64_t seed = 0;
    backend::Tensor dropped_x, x, y, saved;  // x: what the kernel read
    // Inference: the weights in the back end's form, for inputs of two shapes, the one used last first.
    std::array<PackedWeights, 2> packed;
    uint64_t packed_version = 0;
    bool frozen() const;
    std::array<backend::DirectionParameters, 2> values() const;
    std::array<backend::DirectionParameters, 2> gradients() const;
  };
  // keep: backward will come.
  const backend::Tensor& run_layer(OneLayer& layer, const backend::Tensor& x, bool keep, bool drop, uint64_t seed);
  const backend::Tensor& packed_for(OneLayer& layer, backend::Recurrent& kernel);

  backend::Backend& backend_;
  ParameterArena& arena_;
  std::deque<OneLayer> layers_;
  backend::Lengths lengths_;
  bool ragged_ = false, want_dx_ = false;
  size_t first_kept_ = 0;
  backend::Tensor ping_, pong_;
};

// The seed of one use of dropout in a step.
uint64_t dropout_seed(uint64_t step_seed, const std::string& name);

}  // namespace avsr::layers
