// One bidirectional recurrent layer: matrix products for all steps at once where time allows it (inputs, gradients of
// weights), else one product a step for both directions together, and one kernel of our own for the cells of a step.
//
// Note [Steps]
// Step s of the forward direction is frame s of a clip; of the backward direction frame length - 1 - s, so that each
// clip starts at its own last valid frame. A clip that is over (s >= length) has nothing to say at step s: its outputs
// and gradients at frame s, which lies beyond its length, are zero. Arrays over time are kept by frame: (2, B, T, …).
//
// Gates, in PyTorch's order. LSTM: i f g o; c = f c' + i g; h = o tanh(c). GRU: r z n, n = tanh(x_n + r h_n),
// h = (1 - z) n + z h'. RNN: h = tanh(x + h).
#include <cmath>

#include "models/backend/checks.h"
#include "models/backend/cuda/cuda_backend.h"
#include "models/backend/cuda/launch.h"

namespace avsr::backend::cuda {
namespace {

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

class CudaRecurrent final : public Recurrent {
 public:
  CudaRecurrent(CudaBackend& backend, const RecurrentSpec& spec, int64_t batch, int64_t steps)
      : backend_(backend),
        sizes_{spec.cell, batch, steps, spec.input, spec.hidden, gates_of(spec.cell), nullptr},
        rows_(sizes_.gates * spec.hidden) {}

  void forward(const Tensor& x, const std::array<DirectionParameters, 2>& p, const Lengths* lengths, Tensor& saved,
               Tensor& y) override {
    pack(p, packed_);
    backend_.resize(saved, {2, saved_floats()});
    run(x, packed_, lengths, saved.data(), y);
  }

  void backward(const Tensor& x, const Tensor& y, const Tensor& dy, const std::array<DirectionParameters, 2>& p,
                const Lengths* lengths, const Tensor& saved, Tensor& dx,
                std::array<DirectionParameters, 2>& gradients) override;

  // All that a direction needs in one f32 tensor: biases, then the weights in the operands' type.
  void pack(const std::array<DirectionParameters, 2>& p, Tensor& packed) override;

  void infer(const Tensor& x, const Tensor& packed, const Lengths* lengths, Tensor& y) override {
    check_shape("recurrent", "the packed weights", packed.shape, {packed_bytes()});
    run(x, packed, lengths, nullptr, y);
  }

 private:
  // Where a packed tensor has its parts; each is of both directions.
  struct Packed {
    float *b_ih, *b_hh;      // (2, G H)
    std::byte *w_ih, *w_hh;  // (2, G H, inputs), (2, G H, H)
  };

  bool half() const { return backend_.activation_type() == DType::bf16; }
  int64_t operand_bytes() const { return half() ? 2 : 4; }
  int64_t bias_bytes() const { return 2 * rows_ * 4; }
  int64_t packed_bytes() const {
    return 2 * bias_bytes() + 2 * rows_ * (sizes_.input + sizes_.hidden) * operand_bytes();
  }
  Packed parts(const Tensor& packed) const {
    auto* at = static_cast<std::byte*>(packed.data<void>());
    std::byte* w_ih = at + 2 * bias_bytes();
    return {reinterpret_cast<float*>(at), reinterpret_cast<float*>(at + bias_bytes()), w_ih,
            w_ih + 2 * rows_ * sizes_.input * operand_bytes()};
  }
  Elements operands(void* data) const {
    Elements e;
    e.data = data;
    e.bf16 = half();
    return e;
  }
  int64_t frames() const { return sizes_.batch * sizes_.steps; }
  int64_t saved_floats() const { return frames() * (rows_ + sizes_.hidden); }  // of one direction: gates, cells

  Sizes sizes(const Tensor& x, const Lengths* lengths) {
    check_shape("recurrent", "x", x.shape, {sizes_.batch, sizes_.steps, sizes_.input});
    Sizes s = sizes_;
    if (!lengths) return s;
    check_lengths("recurrent", *lengths, s.batch, s.steps);
    s.lengths = backend_.on_device(*lengths);
    return s;
  }
  void check_parameters(const std::array<DirectionParameters, 2>& p) const {
    for (const DirectionParameters& direction : p) {
      check_shape("recurrent", "w_ih", direction.w_ih.shape, {rows_, sizes_.input});
      check_shape("recurrent", "w_hh", direction.w_hh.shape, {rows_, sizes_.hidden});
      check_shape("recurrent", "b_ih", direction.b_ih.shape, {rows_});
      check_shape("recurrent", "b_hh", direction.b_hh.shape, {rows_});
    }
  }
  Product of_operands(Product product) const {
    product.inputs_bf16 = half();
    return product;
  }
  // saved: null in inference.
  void run(const Tensor& x, const Tensor& packed, const Lengths* lengths, float* saved, Tensor& y);

  CudaBackend& backend_;
  Sizes sizes_;
  int64_t rows_;  // of a direction's weights: gates x hidden
  Tensor packed_, converted_x_, from_x_, from_h_, h_, c_, h_operand_;
  Tensor dgates_x_, dgates_h_, operand_, before_, dh_, dh_direct_;
};

void CudaRecurrent::pack(const std::array<DirectionParameters, 2>& p, Tensor& packed) {
  check_parameters(p);
  backend_.resize(packed, {packed_bytes()}, DType::u8);
  const Packed to = parts(packed);
  Stream& stream = backend_.stream();
  for (int64_t d = 0; d < 2; ++d) {
    const DirectionParameters& from = p[static_cast<size_t>(d)];
    stream.copy(from.b_ih.data(), to.b_ih + d * rows_, static_cast<size_t>(rows_) * 4);
    stream.copy(from.b_hh.data(), to.b_hh + d * rows_, static_cast<size_t>(rows_) * 4);
    launch(stream, rows_ * sizes_.input,
           Convert{Elements(from.w_ih), operands(to.w_ih + d * rows_ * sizes_.input * operand_bytes())});
    launch(stream, rows_ * sizes_.hidden,
           Convert{Elements(from.w_hh), operands(to.w_hh + d * rows_ * sizes_.hidden * operand_bytes())});
  }
}

void CudaRecurrent::run(const Tensor& x, const Tensor& packed, const Lengths* lengths, float* saved, Tensor& y) {
  const Sizes s = sizes(x, lengths);
  const Packed p = parts(packed);
  const Tensor& input = backend_.as_operand(x, converted_x_);
  Products& products = backend_.products();
  backend_.resize_activation(from_x_, {2, s.batch, s.steps, rows_});
  Product of_inputs = of_operands({.m = frames(), .n = rows_, .k = s.input, .transpose_b = true, .count = 2});
  of_inputs.b_step = rows_ * s.input;
  of_inputs.c_step = frames() * rows_;
  of_inputs.output_bf16 = half();
  products.run(of_inputs, input.data<void>(), p.w_ih, from_x_.data<void>());

  backend_.resize(from_h_, {2, s.batch, rows_});
  backend_.resize(h_, {2, s.batch, s.hidden});
  backend_.resize(c_, {2, s.batch, s.hidden});
  backend_.resize_activation(h_operand_, h_.shape);
  backend_.resize_activation(y, {s.batch, s.steps, 2 * s.hidden});
  Product of_states = of_operands({.m = s.batch, .n = rows_, .k = s.hidden, .transpose_b = true, .count = 2});
  of_states.a_step = s.batch * s.hidden;
  of_states.b_step = rows_ * s.hidden;
  of_states.c_step = s.batch * rows_;
  float* cells = saved ? saved + 2 * frames() * rows_ : nullptr;
  for (int64_t step = 0; step < s.steps; ++step) {
    if (step > 0) products.run(of_states, h_operand_.data<void>(), p.w_hh, from_h_.data());
    launch(backend_.stream(), h_.shape.count(),
           CellForward{s, step, Elements(from_x_), step > 0 ? from_h_.data() : nullptr, p.b_ih, p.b_hh, saved, cells,
                       c_.data(), h_.data(), Elements(h_operand_), Elements(y)});
  }
}

void CudaRecurrent::backward(const Tensor& x, const Tensor& y, const Tensor& dy,
                             const std::array<DirectionParameters, 2>& p, const Lengths* lengths, const Tensor& saved,
                             Tensor& dx, std::array<DirectionParameters, 2>& gradients) {
  const Sizes s = sizes(x, lengths);
  check_parameters(gradients);
  check_shape("recurrent", "y", y.shape, {s.batch, s.steps, 2 * s.hidden});
  check_shape("recurrent", "dy", dy.shape, y.shape);
  check_shape("recurrent", "what forward saved", saved.shape, {2, saved_floats()});
  pack(p, packed_);
  const Packed weights = parts(packed_);
  Products& products = backend_.products();
  const bool gru = s.cell == Cell::gru;
  const float *gates = saved.data(), *cells = gates + 2 * frames() * rows_;
  const Shape state{2, s.batch, s.hidden}, by_frame{2, s.batch, s.steps, rows_};
  backend_.resize(dh_, state);
  backend_.resize(dh_direct_, state);
  backend_.resize(c_, state);  // dc
  backend_.resize_activation(operand_, {2, s.batch, rows_});
  backend_.resize_activation(dgates_x_, by_frame);
  if (gru) backend_.resize_activation(dgates_h_, by_frame);
  const Tensor& dgates_h = gru ? dgates_h_ : dgates_x_;
  Product through = of_operands({.m = s.batch, .n = s.hidden, .k = rows_, .count = 2});
  through.a_step = s.batch * rows_;
  through.b_step = rows_ * s.hidden;
  through.c_step = s.batch * s.hidden;
  for (int64_t step = s.steps; step-- > 0;) {
    if (step + 1 < s.steps) products.run(through, operand_.data<void>(), weights.w_hh, dh_.data());
    launch(backend_.stream(), state.count(),
           CellBackward{s, step, Elements(y), Elements(dy), gates, cells, dh_.data(), dh_direct_.data(), c_.data(),
                        Elements(dgates_x_), Elements(dgates_h), Elements(operand_)});
  }

  backend_.resize_activation(before_, {2, s.batch, s.steps, s.hidden});
  launch(backend_.stream(), before_.shape.count(), StatesBefore{s, Elements(y), Elements(before_)});
  const Tensor& input = backend_.as_operand(x, converted_x_);
  backend_.resize_activation(dx, x.shape);
  const auto of_direction = [&](const Tensor& t, int64_t direction) {
    return static_cast<std::byte*>(t.data<void>()) + direction * t.shape.count() / 2 * operand_bytes();
  };
  for (int64_t d = 0; d < 2; ++d) {
    DirectionParameters& g = gradients[static_cast<size_t>(d)];
    std::byte *from_x = of_direction(dgates_x_, d), *from_h = of_direction(dgates_h, d);
    Product of_x = of_operands({.m = frames(), .n = s.input, .k = rows_, .accumulate = d > 0});
    of_x.output_bf16 = half();
    products.run(of_x, from_x, weights.w_ih + d * rows_ * s.input * operand_bytes(), dx.data<void>());
    Product of_weights =
        of_operands({.m = rows_, .n = s.input, .k = frames(), .transpose_a = true, .accumulate = true});
    products.run(of_weights, from_x, input.data<void>(), g.w_ih.data());
    of_weights.n = s.hidden;
    products.run(of_weights, from_h, of_direction(before_, d), g.w_hh.data());
    for (const auto& [from, to] : {std::pair(dgates_x_, &g.b_ih), std::pair(dgates_h, &g.b_hh)}) {
      Tensor half_of = from;
      half_of.shape = {frames(), rows_};
      half_of.offset_bytes += static_cast<size_t>(d * frames() * rows_ * operand_bytes());
      backend_.add_rows(half_of, frames(), rows_, to->data());
    }
  }
}

}  // namespace

std::shared_ptr<Recurrent> make_recurrent(CudaBackend& backend, const RecurrentSpec& spec, int64_t batch,
                                          int64_t steps) {
  return std::make_shared<CudaRecurrent>(backend, spec, batch, steps);
}

}  // namespace avsr::backend::cuda
