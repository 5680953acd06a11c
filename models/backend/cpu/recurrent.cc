// One bidirectional recurrent layer.
//
// Note [Lengths in the backward direction]
// oneDNN's primitives take one length for a whole batch, so a bidirectional primitive would start the backward
// direction of a short clip in its padding. Instead each direction is a left-to-right primitive of its own, and the
// backward direction reads each clip's valid part reversed (recurrent_data.h): padding then comes last in both, where
// it reaches no valid output; and as the gradient there is zero, it adds nothing to any gradient either.
#include <cstring>
#include <optional>

#include "models/backend/cpu/cpu_backend.h"
#include "models/backend/cpu/loops.h"
#include "models/backend/cpu/recurrent_data.h"
#include "models/backend/cpu/recurrent_primitives.h"

namespace avsr::backend::cpu {
namespace {

using Slot = OneDnn::Slot;

// Cuts one scratch slot into pieces.
class Pieces {
 public:
  float* take(size_t bytes) {
    std::byte* piece = at_;
    at_ += padded(bytes);
    return reinterpret_cast<float*>(piece);
  }
  void start(void* memory) { at_ = static_cast<std::byte*>(memory); }
  static size_t padded(size_t bytes) { return (bytes + 63) / 64 * 64; }

 private:
  std::byte* at_ = nullptr;
};

class CpuRecurrent final : public Recurrent {
 public:
  CpuRecurrent(CpuBackend& backend, const RecurrentSpec& spec, int64_t batch, int64_t steps)
      : backend_(backend),
        onednn_(backend.onednn()),
        sizes_{spec.cell, steps, batch, spec.input, spec.hidden},
        all_valid_(static_cast<size_t>(batch), static_cast<int>(steps)),
        first_state_(static_cast<size_t>(batch * spec.hidden), 0.0f) {}

  void forward(const Tensor& x, const std::array<DirectionParameters, 2>& p, const Lengths* lengths, Tensor& saved,
               Tensor& y) override;
  void backward(const Tensor& x, const Tensor& y, const Tensor& dy, const std::array<DirectionParameters, 2>& p,
                const Lengths* lengths, const Tensor& saved, Tensor& dx,
                std::array<DirectionParameters, 2>& gradients) override;
  void pack(const std::array<DirectionParameters, 2>& p, Tensor& packed) override;
  void infer(const Tensor& x, const Tensor& packed, const Lengths* lengths, Tensor& y) override;

 private:
  struct Weights {
    dnnl::memory layer, iter, bias;
  };

  const Lengths& check(const Tensor& x, const Lengths* lengths) const;
  void check(const std::array<DirectionParameters, 2>& p) const;
  TimeMajor inputs(const Lengths& lengths, int direction) const {
    return {sizes_.batch, sizes_.steps, sizes_.input, sizes_.input, 0, lengths, direction == 1};
  }
  TimeMajor outputs(const Lengths& lengths, int direction) const {
    return {sizes_.batch, sizes_.steps,  sizes_.hidden, 2 * sizes_.hidden, direction * sizes_.hidden,
            lengths,      direction == 1};
  }
  // The primitives, made on first use. Training is f32 in every precision; inference is in the back end's.
  const RecurrentForward& training();
  const RecurrentForward& inference();
  // One direction's parameters in the form that a primitive wants: their bytes, the pieces at a place of that size,
  // and their conversion, there or in the slot kWeights.
  size_t weights_bytes(const dnnl::memory::desc& layer, const dnnl::memory::desc& iter) const {
    return Pieces::padded(layer.get_size()) + Pieces::padded(iter.get_size()) + Pieces::padded(bias_.get_size());
  }
  Weights weights_at(void* place, const dnnl::memory::desc& layer, const dnnl::memory::desc& iter);
  void convert(const DirectionParameters& p, const Weights& to);
  Weights converted(const DirectionParameters& p, const dnnl::memory::desc& layer, const dnnl::memory::desc& iter);
  void convert_matrix(const Tensor& w, int64_t inputs, const dnnl::memory& to);
  int64_t workspace_floats() {
    return static_cast<int64_t>(Pieces::padded(training().workspace.get_size()) / sizeof(float));
  }
  int64_t packed_floats() {  // of one direction
    return static_cast<int64_t>(weights_bytes(inference().weights_layer, inference().weights_iter) / sizeof(float));
  }
  // x and y are of the primitive's type.
  void forward_direction(const RecurrentForward& f, int direction, const Tensor& x, const Weights& weights,
                         float* workspace, const Lengths& lengths, const Tensor& y);
  // Adds the zero first state to a primitive's arguments (Note [Explicit first state]).
  void add_first_state(const RecurrentForward& f, std::unordered_map<int, dnnl::memory>& arguments);
  void backward_direction(int direction, const Tensor& x, const Tensor& y, const Tensor& dy,
                          const DirectionParameters& p, const Lengths& lengths, const Tensor& saved, Tensor& dx,
                          DirectionParameters& gradients);

  CpuBackend& backend_;
  OneDnn& onednn_;
  RecurrentSizes sizes_;
  Lengths all_valid_;
  std::vector<float> first_state_;  // zeros, as many as an f32 state has
  dnnl::memory::desc bias_;         // the same in all primitives
  std::optional<RecurrentForward> training_, inference_;
  std::optional<RecurrentBackward> backward_;
  Tensor converted_x_, converted_y_, converted_dy_;
};

const RecurrentForward& CpuRecurrent::training() {
  if (!training_) training_ = make_recurrent_forward(onednn_, sizes_);
  bias_ = training_->bias;
  return *training_;
}

const RecurrentForward& CpuRecurrent::inference() {
  if (backend_.map_type() == DType::f32) return training();
  if (!inference_) inference_ = make_recurrent_forward(onednn_, sizes_, DType::bf16);
  bias_ = inference_->bias;
  return *inference_;
}

const Lengths& CpuRecurrent::check(const Tensor& x, const Lengths* lengths) const {
  check_shape("recurrent", "x", x.shape, {sizes_.batch, sizes_.steps, sizes_.input});
  if (lengths) check_lengths("recurrent", *lengths, sizes_.batch, sizes_.steps);
  return lengths ? *lengths : all_valid_;
}

void CpuRecurrent::check(const std::array<DirectionParameters, 2>& p) const {
  const int64_t rows = sizes_.gates() * sizes_.hidden;
  for (const DirectionParameters& direction : p) {
    check_shape("recurrent", "w_ih", direction.w_ih.shape, {rows, sizes_.input});
    check_shape("recurrent", "w_hh", direction.w_hh.shape, {rows, sizes_.hidden});
    check_shape("recurrent", "b_ih", direction.b_ih.shape, {rows});
    check_shape("recurrent", "b_hh", direction.b_hh.shape, {rows});
  }
}

void CpuRecurrent::convert_matrix(const Tensor& w, int64_t inputs, const dnnl::memory& to) {
  const auto stored = stored_weights_desc(inputs, sizes_.gates(), sizes_.hidden);
  float* data = w.data();
  if (sizes_.cell == Cell::gru) {
    data = static_cast<float*>(onednn_.scratch(Slot::kOther2, stored.get_size()));
    order_gates(sizes_.cell, sizes_.hidden, inputs, w.data(), data);
  }
  onednn_.reorder(onednn_.memory(stored, data), to);
}

CpuRecurrent::Weights CpuRecurrent::weights_at(void* place, const dnnl::memory::desc& layer,
                                               const dnnl::memory::desc& iter) {
  Pieces pieces;
  pieces.start(place);
  float *layer_at = pieces.take(layer.get_size()), *iter_at = pieces.take(iter.get_size());
  return {onednn_.memory(layer, layer_at), onednn_.memory(iter, iter_at),
          onednn_.memory(bias_, pieces.take(bias_.get_size()))};
}

void CpuRecurrent::convert(const DirectionParameters& p, const Weights& to) {
  convert_matrix(p.w_ih, sizes_.input, to.layer);
  convert_matrix(p.w_hh, sizes_.hidden, to.iter);
  combine_biases(sizes_.cell, sizes_.hidden, p.b_ih.data(), p.b_hh.data(),
                 static_cast<float*>(to.bias.get_data_handle()));
}

CpuRecurrent::Weights CpuRecurrent::converted(const DirectionParameters& p, const dnnl::memory::desc& layer,
                                              const dnnl::memory::desc& iter) {
  const Weights weights = weights_at(onednn_.scratch(Slot::kWeights, weights_bytes(layer, iter)), layer, iter);
  convert(p, weights);
  return weights;
}

void CpuRecurrent::add_first_state(const RecurrentForward& f, std::unordered_map<int, dnnl::memory>& arguments) {
  arguments.emplace(DNNL_ARG_SRC_ITER, onednn_.memory(f.state, first_state_.data()));
  if (sizes_.cell == Cell::lstm) arguments.emplace(DNNL_ARG_SRC_ITER_C, onednn_.memory(f.cells, first_state_.data()));
}

void CpuRecurrent::forward_direction(const RecurrentForward& f, int direction, const Tensor& x, const Weights& weights,
                                     float* workspace, const Lengths& lengths, const Tensor& y) {
  const dnnl::memory layer = onednn_.scratch(Slot::kInput, f.x);
  const dnnl::memory result = onednn_.scratch(Slot::kOutput, f.y);
  if (x.dtype == DType::bf16)
    inputs(lengths, direction).gather(x.data<uint16_t>(), static_cast<uint16_t*>(layer.get_data_handle()));
  else
    inputs(lengths, direction).gather(x.data(), static_cast<float*>(layer.get_data_handle()));
  std::unordered_map<int, dnnl::memory> arguments{
      {DNNL_ARG_SRC_LAYER, layer},           {DNNL_ARG_WEIGHTS_LAYER, weights.layer},
      {DNNL_ARG_WEIGHTS_ITER, weights.iter}, {DNNL_ARG_BIAS, weights.bias},
      {DNNL_ARG_DST_LAYER, result},          {DNNL_ARG_WORKSPACE, onednn_.memory(f.workspace, workspace)}};
  add_first_state(f, arguments);
  onednn_.run(f.primitive, f.scratchpad, std::move(arguments));
  if (y.dtype == DType::bf16)
    outputs(lengths, direction).scatter(static_cast<uint16_t*>(result.get_data_handle()), y.data<uint16_t>());
  else
    outputs(lengths, direction).scatter(static_cast<float*>(result.get_data_handle()), y.data());
}

void CpuRecurrent::forward(const Tensor& x, const std::array<DirectionParameters, 2>& p, const Lengths* given,
                           Tensor& saved, Tensor& y) {
  const Lengths& lengths = check(x, given);
  check(p);
  const RecurrentForward& f = training();
  const Tensor input = backend_.as(DType::f32, x, converted_x_);
  backend_.resize(y, {sizes_.batch, sizes_.steps, 2 * sizes_.hidden});
  backend_.resize(saved, {2, workspace_floats()});
  for (int direction = 0; direction < 2; ++direction)
    forward_direction(f, direction, input,
                      converted(p[static_cast<size_t>(direction)], f.weights_layer, f.weights_iter),
                      saved.data() + direction * workspace_floats(), lengths, y);
}

void CpuRecurrent::pack(const std::array<DirectionParameters, 2>& p, Tensor& packed) {
  check(p);
  const RecurrentForward& f = inference();
  backend_.resize(packed, {2, packed_floats()});
  for (size_t direction = 0; direction < 2; ++direction)
    convert(p[direction], weights_at(packed.data() + static_cast<int64_t>(direction) * packed_floats(), f.weights_layer,
                                     f.weights_iter));
}

void CpuRecurrent::infer(const Tensor& x, const Tensor& packed, const Lengths* given, Tensor& y) {
  const Lengths& lengths = check(x, given);
  const RecurrentForward& f = inference();
  check_shape("recurrent", "the packed weights", packed.shape, {2, packed_floats()});
  const Tensor input = backend_.as(backend_.map_type(), x, converted_x_);
  backend_.resize(y, {sizes_.batch, sizes_.steps, 2 * sizes_.hidden}, input.dtype);
  auto* workspace = static_cast<float*>(onednn_.scratch(Slot::kOther, f.workspace.get_size()));
  for (int direction = 0; direction < 2; ++direction)
    forward_direction(f, direction, input,
                      weights_at(packed.data() + direction * packed_floats(), f.weights_layer, f.weights_iter),
                      workspace, lengths, y);
}

void CpuRecurrent::backward(const Tensor& x, const Tensor& y, const Tensor& dy,
                            const std::array<DirectionParameters, 2>& p, const Lengths* given, const Tensor& saved,
                            Tensor& dx, std::array<DirectionParameters, 2>& gradients) {
  const Lengths& lengths = check(x, given);
  check(p);
  check(gradients);
  check_shape("recurrent", "y", y.shape, {sizes_.batch, sizes_.steps, 2 * sizes_.hidden});
  check_shape("recurrent", "dy", dy.shape, y.shape);
  check_shape("recurrent", "what forward saved", saved.shape, {2, workspace_floats()});
  if (!backward_) backward_ = make_recurrent_backward(onednn_, sizes_);
  const Tensor f32_x = backend_.as(DType::f32, x, converted_x_), f32_y = backend_.as(DType::f32, y, converted_y_),
               f32_dy = backend_.as(DType::f32, dy, converted_dy_);
  backend_.resize(dx, x.shape);
  for (int direction = 0; direction < 2; ++direction) {
    const auto d = static_cast<size_t>(direction);
    backward_direction(direction, f32_x, f32_y, f32_dy, p[d], lengths, saved, dx, gradients[d]);
  }
}

void CpuRecurrent::backward_direction(int direction, const Tensor& x, const Tensor& y, const Tensor& dy,
                                      const DirectionParameters& p, const Lengths& lengths, const Tensor& saved,
                                      Tensor& dx, DirectionParameters& gradients) {
  const RecurrentForward& f = training();
  const RecurrentBackward& b = *backward_;
  const size_t x_bytes = Pieces::padded(f.x.get_size()), y_bytes = Pieces::padded(f.y.get_size());
  Pieces pieces;
  pieces.start(onednn_.scratch(Slot::kInput, 2 * x_bytes + 2 * y_bytes));
  float *layer = pieces.take(x_bytes), *dlayer = pieces.take(x_bytes);
  float *result = pieces.take(y_bytes), *dresult = pieces.take(y_bytes);
  inputs(lengths, direction).gather(x.data(), layer);
  outputs(lengths, direction).gather(y.data(), result);
  outputs(lengths, direction).gather(dy.data(), dresult);

  const size_t layer_bytes = Pieces::padded(b.dweights_layer.get_size()),
               iter_bytes = Pieces::padded(b.dweights_iter.get_size()), bias_bytes = Pieces::padded(f.bias.get_size());
  void* sums = onednn_.scratch(Slot::kGradient, layer_bytes + iter_bytes + bias_bytes);
  std::memset(sums, 0, layer_bytes + iter_bytes + bias_bytes);  // the library adds to them
  pieces.start(sums);
  float *dw_layer = pieces.take(layer_bytes), *dw_iter = pieces.take(iter_bytes), *dbias = pieces.take(bias_bytes);

  const Weights weights = converted(p, b.weights_layer, b.weights_iter);
  float* workspace = saved.data() + direction * workspace_floats();
  std::unordered_map<int, dnnl::memory> arguments{
      {DNNL_ARG_SRC_LAYER, onednn_.memory(f.x, layer)},
      {DNNL_ARG_WEIGHTS_LAYER, weights.layer},
      {DNNL_ARG_WEIGHTS_ITER, weights.iter},
      {DNNL_ARG_BIAS, weights.bias},
      {DNNL_ARG_DST_LAYER, onednn_.memory(f.y, result)},
      {DNNL_ARG_WORKSPACE, onednn_.memory(f.workspace, workspace)},
      {DNNL_ARG_DIFF_DST_LAYER, onednn_.memory(f.y, dresult)},
      {DNNL_ARG_DIFF_SRC_LAYER, onednn_.memory(f.x, dlayer)},
      {DNNL_ARG_DIFF_WEIGHTS_LAYER, onednn_.memory(b.dweights_layer, dw_layer)},
      {DNNL_ARG_DIFF_WEIGHTS_ITER, onednn_.memory(b.dweights_iter, dw_iter)},
      {DNNL_ARG_DIFF_BIAS, onednn_.memory(f.bias, dbias)}};
  add_first_state(f, arguments);
  const dnnl::memory dstate = onednn_.scratch(Slot::kOutput, f.state);
  arguments.emplace(DNNL_ARG_DIFF_SRC_ITER, dstate);
  if (sizes_.cell == Cell::lstm) arguments.emplace(DNNL_ARG_DIFF_SRC_ITER_C, onednn_.scratch(Slot::kOther, f.state));
  onednn_.run(b.primitive, b.scratchpad, std::move(arguments));

  const TimeMajor time_major = inputs(lengths, direction);
  direction == 0 ? time_major.scatter(dlayer, dx.data()) : time_major.add(dlayer, dx.data());
  add_weight_gradients(sizes_.cell, sizes_.hidden, sizes_.input, dw_layer, gradients.w_ih.data());
  add_weight_gradients(sizes_.cell, sizes_.hidden, sizes_.hidden, dw_iter, gradients.w_hh.data());
  add_bias_gradients(sizes_.cell, sizes_.hidden, dbias, gradients.b_ih.data(), gradients.b_hh.data());
}

}  // namespace

std::shared_ptr<Recurrent> CpuBackend::recurrent(const RecurrentSpec& spec, int64_t batch, int64_t steps) {
  if (spec.input < 1 || spec.hidden < 1 || batch < 1 || steps < 1)
    throw std::invalid_argument("[recurrent] expected sizes of 1 or more");
  return recurrents_.get({spec, {batch, steps}},
                         [&] { return std::make_shared<CpuRecurrent>(*this, spec, batch, steps); });
}

}  // namespace avsr::backend::cpu
