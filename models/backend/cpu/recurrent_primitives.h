// One direction of a recurrent layer as oneDNN primitives, the three cell kinds behind one set of descriptors.
#pragma once

#include "models/backend/cpu/onednn.h"
#include "models/backend/kernels.h"

namespace avsr::backend::cpu {

// Sizes of one direction. oneDNN's own names: layer = the input of a step, iter = the state of the step before.
struct RecurrentSizes {
  Cell cell;
  int64_t steps, batch, input, hidden;
  int64_t gates() const { return gates_of(cell); }
  // Biases in oneDNN's form: one per gate, and for GRU both of the candidate's (Note [GRU biases]).
  int64_t biases() const { return cell == Cell::gru ? 4 : gates(); }
};

// Note [Explicit first state]
// The first state is always zero, yet it must be handed in: without it, a left-to-right primitive of oneDNN 2.6
// computes wrong gradients of the recurrent weights (LSTM and plain RNN). So must the memory for its unused gradient.
struct RecurrentForward {
  dnnl::primitive primitive;
  dnnl::memory::desc weights_layer, weights_iter, bias, x, y, state, cells, workspace, scratchpad;
};

struct RecurrentBackward {
  dnnl::primitive primitive;
  dnnl::memory::desc weights_layer, weights_iter, scratchpad;  // the library chooses the weights' form
  dnnl::memory::desc dweights_layer, dweights_iter;            // dense: (inputs, gates, hidden)
};

// Always of the training kind: in 2.6 it is 1.3-3 times faster than the inference kind. type: of x, y and the weights;
// biases and an LSTM's cells are f32.
RecurrentForward make_recurrent_forward(OneDnn& onednn, const RecurrentSizes& sizes, DType type = DType::f32);
RecurrentBackward make_recurrent_backward(OneDnn& onednn, const RecurrentSizes& sizes);

// (1, 1, inputs, gates, hidden) as PyTorch stores it: gates, hidden, inputs.
dnnl::memory::desc stored_weights_desc(int64_t inputs, int64_t gates, int64_t hidden);

}  // namespace avsr::backend::cpu
