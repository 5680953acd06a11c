// What a recurrent layer does for one index of its launches (recurrent.cu).
//
// Note [Steps]
// Step s of the forward direction is frame s of a clip; of the backward direction frame length - 1 - s, so that each
// clip starts at its own last valid frame. A clip that is over (s >= length) has nothing to say at step s: its outputs
// and gradients at frame s, which lies beyond its length, are zero. Arrays over time are kept by frame: (2, B, T, …).
//
// Gates, in PyTorch's order. LSTM: i f g o; c = f c' + i g; h = o tanh(c). GRU: r z n, n = tanh(x_n + r h_n),
// h = (1 - z) n + z h'. RNN: h = tanh(x + h).
#pragma once

#include <cmath>

#include "models/backend/cuda/elements.h"
#include "models/backend/cuda/launch.h"
#include "models/backend/kernels.h"

namespace avsr::backend::cuda {

struct Sizes {
  Cell cell;
  int64_t batch, steps, input, hidden;
  int gates;
  const int* lengths;  // null: all steps are valid

  AVSR_HOST_DEVICE int64_t length(int64_t clip) const { return lengths ? lengths[clip] : steps; }
  AVSR_HOST_DEVICE int64_t frame(int64_t direction, int64_t step, int64_t length) const {
    return direction == 0 || step >= length ? step : length - 1 - step;
  }
};

// One unit of one clip in one direction at one step.
struct Place {
  int64_t direction, clip, unit, length, frame;
  int64_t state;   // in (2, B, H)
  int64_t at;      // in (2, B, T, H)
  int64_t gate;    // of its first gate in (2, B, T, G H); the next is hidden further
  int64_t output;  // in y (B, T, 2 H)
  bool over;
};

AVSR_HOST_DEVICE inline Place place_of(const Sizes& s, int64_t index, int64_t step) {
  Place p{};
  const auto [row, unit] = divide(index, s.hidden);
  const auto [direction, clip] = divide(row, s.batch);
  p.direction = direction;
  p.clip = clip;
  p.unit = unit;
  p.length = s.length(clip);
  p.over = step >= p.length;
  p.frame = s.frame(direction, step, p.length);
  p.state = index;
  const int64_t frame_row = (direction * s.batch + clip) * s.steps + p.frame;
  p.at = frame_row * s.hidden + unit;
  p.gate = frame_row * s.gates * s.hidden + unit;
  p.output = ((clip * s.steps + p.frame) * 2 + direction) * s.hidden + unit;
  return p;
}

AVSR_HOST_DEVICE inline float sigmoid(float x) { return 1 / (1 + expf(-x)); }

// A step forward. An index counts (2, B, H).
struct CellForward {
  Sizes s;
  int64_t step;
  Elements from_x;           // (2, B, T, G H): w_ih x
  const float* from_h;       // (2, B, G H): w_hh h', of this step; null on the first, where h' is 0
  const float *b_ih, *b_hh;  // (2, G H)
  float* gates;              // (2, B, T, G H) after their non-linearities, or null; GRU's n keeps its h_n in `cells`
  float* cells;              // LSTM: c, GRU: h_n, (2, B, T, H), or null
  float* c;                  // LSTM: (2, B, H), running
  float* h;                  // (2, B, H), running
  Elements h_operand;        // the same for the next product
  Elements y;

  AVSR_HOST_DEVICE float input(const Place& p, int64_t gate) const {
    return from_x.load(p.gate + gate * s.hidden) + b_ih[(p.direction * s.gates + gate) * s.hidden + p.unit];
  }
  AVSR_HOST_DEVICE float recurrent(const Place& p, int64_t gate) const {
    const float bias = b_hh[(p.direction * s.gates + gate) * s.hidden + p.unit];
    return from_h ? from_h[((p.direction * s.batch + p.clip) * s.gates + gate) * s.hidden + p.unit] + bias : bias;
  }
  AVSR_HOST_DEVICE void keep(const Place& p, int64_t gate, float value) const {
    if (gates) gates[p.gate + gate * s.hidden] = value;
  }

  AVSR_HOST_DEVICE float lstm(const Place& p) const {
    const float i = sigmoid(input(p, 0) + recurrent(p, 0)), f = sigmoid(input(p, 1) + recurrent(p, 1)),
                g = tanhf(input(p, 2) + recurrent(p, 2)), o = sigmoid(input(p, 3) + recurrent(p, 3));
    const float cell = f * (step > 0 ? c[p.state] : 0.f) + i * g;
    c[p.state] = cell;
    if (cells) cells[p.at] = cell;
    keep(p, 0, i);
    keep(p, 1, f);
    keep(p, 2, g);
    keep(p, 3, o);
    return o * tanhf(cell);
  }
  AVSR_HOST_DEVICE float gru(const Place& p) const {
    const float r = sigmoid(input(p, 0) + recurrent(p, 0)), z = sigmoid(input(p, 1) + recurrent(p, 1)),
                from_state = recurrent(p, 2), n = tanhf(input(p, 2) + r * from_state);
    keep(p, 0, r);
    keep(p, 1, z);
    keep(p, 2, n);
    if (cells) cells[p.at] = from_state;
    return (1 - z) * n + z * (step > 0 ? h[p.state] : 0.f);
  }
  AVSR_HOST_DEVICE float rnn(const Place& p) const {
    const float value = tanhf(input(p, 0) + recurrent(p, 0));
    keep(p, 0, value);
    return value;
  }

  AVSR_HOST_DEVICE void operator()(int64_t index) const {
    const Place p = place_of(s, index, step);
    if (p.over) {
      y.store(p.output, 0);
      if (step == 0) h_operand.store(p.state, 0);
      return;
    }
    const float value = s.cell == Cell::lstm ? lstm(p) : s.cell == Cell::gru ? gru(p) : rnn(p);
    h[p.state] = value;
    h_operand.store(p.state, value);
    y.store(p.output, value);
  }
};

// A step backward, last step first. An index counts (2, B, H). Writes the gradients of the gates before their
// non-linearities, by frame and for the next product.
struct CellBackward {
  Sizes s;
  int64_t step;
  Elements y, dy;
  const float *gates, *cells;
  const float* dh_next;         // (2, B, H): through w_hh, of the step after this one; null at the last step
  float* dh_direct;             // (2, B, H): GRU, what passes h past the gates; read, then written
  float* dc;                    // (2, B, H), running
  Elements dgates_x, dgates_h;  // (2, B, T, G H); one and the same unless GRU
  Elements operand;             // (2, B, G H)

  AVSR_HOST_DEVICE void put(const Place& p, int64_t gate, float from_x, float from_h) const {
    dgates_x.store(p.gate + gate * s.hidden, from_x);
    if (s.cell == Cell::gru) dgates_h.store(p.gate + gate * s.hidden, from_h);
    operand.store(((p.direction * s.batch + p.clip) * s.gates + gate) * s.hidden + p.unit, from_h);
  }
  AVSR_HOST_DEVICE float kept(const Place& p, int64_t gate) const { return gates[p.gate + gate * s.hidden]; }
  // Where the state of the step before this one stands; false on the first step, where it was 0.
  AVSR_HOST_DEVICE bool before(const Place& p, Place& previous) const {
    if (step == 0) return false;
    previous = place_of(s, p.state, step - 1);
    return true;
  }

  AVSR_HOST_DEVICE void lstm(const Place& p, float dh) const {
    const float i = kept(p, 0), f = kept(p, 1), g = kept(p, 2), o = kept(p, 3), t = tanhf(cells[p.at]);
    const bool last = step + 1 >= p.length;
    const float dcell = (last ? 0.f : dc[p.state]) + dh * o * (1 - t * t);
    Place previous{};
    const float c_before = before(p, previous) ? cells[previous.at] : 0.f;
    dc[p.state] = dcell * f;
    const float of_i = dcell * g * i * (1 - i), of_f = dcell * c_before * f * (1 - f), of_g = dcell * i * (1 - g * g),
                of_o = dh * t * o * (1 - o);
    put(p, 0, of_i, of_i);
    put(p, 1, of_f, of_f);
    put(p, 2, of_g, of_g);
    put(p, 3, of_o, of_o);
  }
  AVSR_HOST_DEVICE void gru(const Place& p, float dh) const {
    const float r = kept(p, 0), z = kept(p, 1), n = kept(p, 2), from_state = cells[p.at];
    Place previous{};
    const float h_before = before(p, previous) ? y.load(previous.output) : 0.f;
    const float of_n = dh * (1 - z) * (1 - n * n), of_z = dh * (h_before - n) * z * (1 - z),
                of_r = of_n * from_state * r * (1 - r);
    dh_direct[p.state] = dh * z;
    put(p, 0, of_r, of_r);
    put(p, 1, of_z, of_z);
    put(p, 2, of_n, of_n * r);
  }

  AVSR_HOST_DEVICE void operator()(int64_t index) const {
    const Place p = place_of(s, index, step);
    if (p.over) {
      for (int gate = 0; gate < s.gates; ++gate) put(p, gate, 0, 0);
      return;
    }
    float dh = dy.load(p.output);
    if (step + 1 < p.length) {
      dh += dh_next[p.state];
      if (s.cell == Cell::gru) dh += dh_direct[p.state];
    }
    if (s.cell == Cell::lstm) {
      lstm(p, dh);
    } else if (s.cell == Cell::gru) {
      gru(p, dh);
    } else {
      const float value = kept(p, 0), gradient = dh * (1 - value * value);
      put(p, 0, gradient, gradient);
    }
  }
};

// h' of every frame: (2, B, T, H). An index counts its elements.
struct StatesBefore {
  Sizes s;
  Elements y, before;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [row, unit] = divide(i, s.hidden);
    const auto [line, frame] = divide(row, s.steps);
    const auto [direction, clip] = divide(line, s.batch);
    const int64_t from = direction == 0 ? frame - 1 : frame + 1, length = s.length(clip);
    const bool there = frame < length && from >= 0 && from < length;
    before.store(i, there ? y.load(((clip * s.steps + from) * 2 + direction) * s.hidden + unit) : 0.f);
  }
};

struct Convert {
  Elements from, to;
  AVSR_HOST_DEVICE void operator()(int64_t i) const { to.store(i, from.load(i)); }
};

}  // namespace avsr::backend::cuda
