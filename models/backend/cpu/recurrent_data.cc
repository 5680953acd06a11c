#include "models/backend/cpu/recurrent_data.h"

#include <algorithm>

#include "models/backend/cpu/loops.h"

namespace avsr::backend::cpu {
namespace {

// A 16 x 16 tile: its rows on both sides are whole cache lines.
constexpr int64_t kTile = 16;

AVSR_CLONES void add_transposed_tile(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
  float tile[kTile][kTile];
  for (int64_t i = 0; i < kTile; ++i)
    for (int64_t o = 0; o < kTile; ++o) tile[o][i] = from[i * from_stride + o];
  for (int64_t o = 0; o < kTile; ++o)
    for (int64_t i = 0; i < kTile; ++i) to[o * to_stride + i] += tile[o][i];
}

void add_transposed_edge(const float* from, int64_t from_stride, float* to, int64_t to_stride, int64_t inputs,
                         int64_t outputs) {
  for (int64_t o = 0; o < outputs; ++o)
    for (int64_t i = 0; i < inputs; ++i) to[o * to_stride + i] += from[i * from_stride + o];
}

}  // namespace

template <typename T>
void TimeMajor::gather(const T* clips, T* time_major) const {
#pragma omp parallel for schedule(static) if (batch * steps * columns > 2 * kBlock)
  for (int64_t t = 0; t < steps; ++t)
    for (int64_t b = 0; b < batch; ++b) {
      T* to = time_major + (t * batch + b) * columns;
      const int64_t length = lengths[static_cast<size_t>(b)];
      if (t < length)
        std::copy_n(clips + (b * steps + time_of(t, length, reversed)) * stride + first, columns, to);
      else
        std::fill_n(to, columns, T{});
    }
}

template <typename T>
void TimeMajor::scatter(const T* time_major, T* clips) const {
#pragma omp parallel for schedule(static) if (batch * steps * columns > 2 * kBlock)
  for (int64_t t = 0; t < steps; ++t)
    for (int64_t b = 0; b < batch; ++b) {
      const int64_t length = lengths[static_cast<size_t>(b)];
      T* to = clips + (b * steps + t) * stride + first;
      if (t < length)
        std::copy_n(time_major + (time_of(t, length, reversed) * batch + b) * columns, columns, to);
      else
        std::fill_n(to, columns, T{});
    }
}

template void TimeMajor::gather(const float*, float*) const;
template void TimeMajor::gather(const uint16_t*, uint16_t*) const;
template void TimeMajor::scatter(const float*, float*) const;
template void TimeMajor::scatter(const uint16_t*, uint16_t*) const;

void TimeMajor::add(const float* time_major, float* clips) const {
#pragma omp parallel for schedule(static) if (batch * steps * columns > 2 * kBlock)
  for (int64_t t = 0; t < steps; ++t)
    for (int64_t b = 0; b < batch; ++b) {
      const int64_t length = lengths[static_cast<size_t>(b)];
      if (t >= length) continue;
      add_rows(time_major + (time_of(t, length, reversed) * batch + b) * columns, 1, columns,
               clips + (b * steps + t) * stride + first);
    }
}

const std::array<int, 4>& gate_order(Cell cell) {
  static constexpr std::array<int, 4> kSame{0, 1, 2, 3}, kGru{1, 0, 2, 3};  // z, r, n from r, z, n
  return cell == Cell::gru ? kGru : kSame;
}

void combine_biases(Cell cell, int64_t hidden, const float* b_ih, const float* b_hh, float* combined) {
  const int gates = gates_of(cell), merged = cell == Cell::gru ? 2 : gates;
  for (int g = 0; g < merged; ++g) {
    const int64_t from = gate_order(cell)[static_cast<size_t>(g)] * hidden;
    for (int64_t h = 0; h < hidden; ++h) combined[g * hidden + h] = b_ih[from + h] + b_hh[from + h];
  }
  if (cell == Cell::gru) {
    copy_floats(b_ih + 2 * hidden, combined + 2 * hidden, hidden);
    copy_floats(b_hh + 2 * hidden, combined + 3 * hidden, hidden);
  }
}

void add_bias_gradients(Cell cell, int64_t hidden, const float* combined, float* db_ih, float* db_hh) {
  const int gates = gates_of(cell), merged = cell == Cell::gru ? 2 : gates;
  for (int g = 0; g < merged; ++g) {
    const int64_t to = gate_order(cell)[static_cast<size_t>(g)] * hidden;
    add_rows(combined + g * hidden, 1, hidden, db_ih + to);
    add_rows(combined + g * hidden, 1, hidden, db_hh + to);
  }
  if (cell == Cell::gru) {
    add_rows(combined + 2 * hidden, 1, hidden, db_ih + 2 * hidden);
    add_rows(combined + 3 * hidden, 1, hidden, db_hh + 2 * hidden);
  }
}

void order_gates(Cell cell, int64_t hidden, int64_t inputs, const float* w, float* ordered) {
  const int64_t block = hidden * inputs;
  for (int g = 0; g < gates_of(cell); ++g)
    copy_floats(w + gate_order(cell)[static_cast<size_t>(g)] * block, ordered + g * block, block);
}

void add_weight_gradients(Cell cell, int64_t hidden, int64_t inputs, const float* d, float* dw) {
  const int64_t gates = gates_of(cell), stride = gates * hidden, tiles = (hidden + kTile - 1) / kTile;
#pragma omp parallel for schedule(static) collapse(2)
  for (int64_t g = 0; g < gates; ++g)
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t o = tile * kTile, outputs = std::min(kTile, hidden - o);
      const float* from = d + g * hidden + o;
      float* to = dw + (gate_order(cell)[static_cast<size_t>(g)] * hidden + o) * inputs;
      for (int64_t i = 0; i < inputs; i += kTile) {
        const int64_t rows = std::min(kTile, inputs - i);
        if (rows == kTile && outputs == kTile)
          add_transposed_tile(from + i * stride, stride, to + i, inputs);
        else
          add_transposed_edge(from + i * stride, stride, to + i, inputs, rows, outputs);
      }
    }
}

}  // namespace avsr::backend::cpu
