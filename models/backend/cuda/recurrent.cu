// One bidirectional recurrent layer: matrix products for all steps at once where time allows it (inputs, gradients of
// weights), else one product a step for both directions together, and one kernel of our own for the cells of a step.
#include "models/backend/checks.h"
#include "models/backend/cuda/cuda_backend.h"
#include "models/backend/cuda/recurrent_items.h"

namespace avsr::backend::cuda {
namespace {

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
