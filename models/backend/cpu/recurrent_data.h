// Between PyTorch's parameters and channels-last clips, and what oneDNN's recurrent primitives want.
#pragma once

#include <array>

#include "models/backend/kernels.h"

namespace avsr::backend::cpu {

// Where step s of a clip of `length` valid steps lies in time: the backward direction reads the valid part reversed, so
// that its padding too comes last, where it can influence no valid output.
inline int64_t time_of(int64_t step, int64_t length, bool reversed) { return reversed ? length - 1 - step : step; }

// Columns [first, first + columns) of each step of clips (B, T, stride) -> time-major (T, B, columns), zero beyond
// lengths; and back. Lengths has B entries.
struct TimeMajor {
  int64_t batch, steps, columns, stride, first;
  const Lengths& lengths;
  bool reversed;

  // Elements of any type that is not converted.
  template <typename T>
  void gather(const T* clips, T* time_major) const;
  template <typename T>
  void scatter(const T* time_major, T* clips) const;      // = , zero beyond lengths
  void add(const float* time_major, float* clips) const;  // += , valid steps only
};

// Gate g in oneDNN's order is gate gate_order(cell)[g] in PyTorch's.
const std::array<int, 4>& gate_order(Cell cell);

// Note [GRU biases]
// PyTorch's candidate is tanh(W x + b_in + r * (U h + b_hn)), so its two biases do not merge; those of all other gates,
// and of the other cells, do. oneDNN takes [z, r, b_in, b_hn] for GRU and one bias a gate otherwise.
void combine_biases(Cell cell, int64_t hidden, const float* b_ih, const float* b_hh, float* combined);
void add_bias_gradients(Cell cell, int64_t hidden, const float* combined, float* db_ih, float* db_hh);

// Weights in PyTorch's gate order -> the same (gates * hidden, inputs) in oneDNN's order. Only GRU's differ.
void order_gates(Cell cell, int64_t hidden, int64_t inputs, const float* w, float* ordered);
// dw (gates, hidden, inputs) in PyTorch's gate order += the transpose of d (inputs, gates, hidden) in oneDNN's.
void add_weight_gradients(Cell cell, int64_t hidden, int64_t inputs, const float* d, float* dw);

}  // namespace avsr::backend::cpu
