#include "models/backend/cpu/conv.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <stdexcept>

#include "models/backend/cpu/conv_primitives.h"
#include "models/backend/cpu/gathered_gradient.h"
#include "models/backend/cpu/layout.h"

namespace avsr::backend::cpu {
namespace {

using dnnl::memory;
using Arguments = std::unordered_map<int, memory>;

int64_t round_up(int64_t n, int64_t block) { return (n + block - 1) / block * block; }

class LibraryConv final : public Conv {
 public:
  LibraryConv(CpuBackend& backend, const ConvSpec& spec, const Shape& x)
      : backend_(backend),
        onednn_(backend.onednn()),
        spec_(spec),
        x_shape_(x),
        y_shape_(conv_output_shape(spec, x)),
        in_(round_up(spec.in_channels, backend.map_block())),
        out_(round_up(spec.out_channels, backend.map_block())) {}

  Shape output_shape() const override { return y_shape_; }

  void forward(const Tensor& x, const Tensor& w, const Tensor& b, Tensor& y) override {
    const Tensor& input = map_input(x, x_shape_, "x", converted_x_);
    check_weights(w);
    backend_.resize_map(y, y_shape_);
    const memory bias = padded_bias(b);
    for_chunks([&](int64_t first, ConvPrimitives& primitives) {
      const ConvOperation& op = primitives.forward({.bias = !b.empty()});
      Arguments arguments{{DNNL_ARG_SRC, at(op.src, input, first)},
                          {DNNL_ARG_WEIGHTS, reordered(w, op.weights)},
                          {DNNL_ARG_DST, at(op.dst, y, first)}};
      if (!b.empty()) arguments.emplace(DNNL_ARG_BIAS, bias);
      onednn_.run(op.primitive, op.scratchpad, std::move(arguments));
    });
  }

  void backward_data(const Tensor& dy, const Tensor& w, Tensor& dx) override {
    const Tensor& gradient = map_input(dy, y_shape_, "dy", converted_dy_);
    check_weights(w);
    backend_.resize_map(dx, x_shape_);
    for_chunks([&](int64_t first, ConvPrimitives& primitives) {
      const ConvOperation& op = primitives.backward_data();
      onednn_.run(op.primitive, op.scratchpad,
                  {{DNNL_ARG_DIFF_DST, at(op.dst, gradient, first)},
                   {DNNL_ARG_WEIGHTS, reordered(w, op.weights)},
                   {DNNL_ARG_DIFF_SRC, at(op.src, dx, first)}});
    });
  }

  void backward_weights(const Tensor& x, const Tensor& dy, Tensor& dw, Tensor& db) override {
    const Tensor& input = map_input(x, x_shape_, "x", converted_x_);
    const Tensor& gradient = map_input(dy, y_shape_, "dy", converted_dy_);
    check_weights(dw);
    const bool bias = !db.empty();
    if (!bias && input.dtype == DType::bf16 && GatheredGradient::pays(spec_, x_shape_, y_shape_)) {
      if (!gathered_) gathered_.emplace(backend_, spec_, x_shape_, y_shape_);
      gathered_->add(input.data<uint16_t>(), gradient.data<uint16_t>(), dw.data());
      return;
    }
    for_chunks([&](int64_t first, ConvPrimitives& primitives) {
      const ConvOperation& op = primitives.backward_weights(bias);
      const memory dw_blocked = onednn_.scratch(OneDnn::Slot::kGradient, op.weights);
      const memory db_padded = onednn_.scratch(OneDnn::Slot::kOutput, bias_desc());
      Arguments arguments{{DNNL_ARG_SRC, at(op.src, input, first)},
                          {DNNL_ARG_DIFF_DST, at(op.dst, gradient, first)},
                          {DNNL_ARG_DIFF_WEIGHTS, dw_blocked}};
      if (bias) arguments.emplace(DNNL_ARG_DIFF_BIAS, db_padded);
      onednn_.run(op.primitive, op.scratchpad, std::move(arguments));
      add_weights(dw_blocked, dw);
      if (bias)
        for (int o = 0; o < spec_.out_channels; ++o)
          db.data()[o] += static_cast<const float*>(db_padded.get_data_handle())[o];
    });
  }

  void pack(const Tensor& w, const Tensor& scale, Tensor& packed) override {
    check_weights(w);
    const int64_t row = padded_shape().count() / out_;
    auto buffer = std::dynamic_pointer_cast<PackedWeights>(packed.buffer);
    if (!buffer || buffer->bytes() != static_cast<size_t>(out_ * row) * sizeof(float))
      buffer = std::make_shared<PackedWeights>(onednn_, static_cast<size_t>(out_ * row));
    buffer->clear_forms();
    auto* to = static_cast<float*>(buffer->data());
    copy_padded(w.data(), to);
    if (!scale.empty())
      for (int o = 0; o < spec_.out_channels; ++o)
        for (int64_t i = 0; i < row; ++i) to[o * row + i] *= scale.data()[o];
    packed = Tensor{.shape = padded_shape(), .buffer = buffer};
  }

  void infer(const Tensor& x, const Tensor& packed, const Tensor& b, const Tensor& residual, bool relu,
             Tensor& y) override {
    auto weights = std::dynamic_pointer_cast<PackedWeights>(packed.buffer);
    if (!weights || packed.shape != padded_shape())
      throw std::invalid_argument("[conv] infer wants weights made by pack of the same convolution");
    const Tensor& input = map_input(x, x_shape_, "x", converted_x_);
    if (!residual.empty()) take_residual(residual, y);
    backend_.resize_map(y, y_shape_);
    const memory bias = padded_bias(b);
    for_chunks([&](int64_t first, ConvPrimitives& primitives) {
      const ConvOperation& op =
          primitives.forward({.inference = true, .bias = !b.empty(), .residual = !residual.empty(), .relu = relu});
      Arguments arguments{{DNNL_ARG_SRC, at(op.src, input, first)},
                          {DNNL_ARG_WEIGHTS, weights->form(canonical_desc(), op.weights)},
                          {DNNL_ARG_DST, at(op.dst, y, first)}};
      if (!b.empty()) arguments.emplace(DNNL_ARG_BIAS, bias);
      onednn_.run(op.primitive, op.scratchpad, std::move(arguments));
    });
  }

 private:
  // Weights with both channel counts rounded up to whole blocks: the padding channels' weights are zero, so that padded
  // activations give padded results, and one fast kernel serves every channel count.
  Shape padded_shape() const { return {out_, spec_.kernel[0], spec_.kernel[1], spec_.kernel[2], in_}; }
  bool padded() const { return in_ != spec_.in_channels || out_ != spec_.out_channels; }
  memory::desc canonical_desc() const { return weights_desc(padded_shape(), x_shape_.rank() == 5); }
  memory::desc bias_desc() const { return {{out_}, memory::data_type::f32, memory::format_tag::a}; }

  void check_weights(const Tensor& w) const {
    const Shape expected{spec_.out_channels, spec_.kernel[0], spec_.kernel[1], spec_.kernel[2], spec_.in_channels};
    if (w.shape.count() != expected.count())
      throw std::invalid_argument("[conv] expected weights " + expected.text() + ", got " + w.shape.text());
  }

  const Tensor& map_input(const Tensor& t, const Shape& expected, const char* name, Tensor& converted) {
    if (t.shape != expected)
      throw std::invalid_argument(
          fmt::format("[conv] expected {} of shape {}, got {}", name, expected.text(), t.shape.text()));
    return backend_.as_map(t, converted);
  }

  // Sets y to the residual, which the primitive then adds to; free when both already share memory.
  void take_residual(const Tensor& residual, Tensor& y) {
    if (residual.shape != y_shape_)
      throw std::invalid_argument(
          fmt::format("[conv] expected a residual of shape {}, got {}", y_shape_.text(), residual.shape.text()));
    const bool shared = !y.empty() && residual.data<void>() == y.data<void>();
    const Tensor added = backend_.as_map(residual, converted_residual_);
    if (!shared || added.buffer != residual.buffer) backend_.copy(added, y);
  }

  template <typename Run>
  void for_chunks(Run&& run) {
    const int64_t frames = x_shape_[0];
    const int64_t most = backend_.precision() == Precision::bf16 ? frames : kImagesAtOnce;  // of Winograd, which is f32
    for (int64_t first = 0; first < frames; first += most) {
      const int64_t count = std::min(most, frames - first);
      auto& primitives = primitives_[count];
      if (!primitives) {
        Shape x = x_shape_, y = y_shape_;
        x[0] = y[0] = count;
        x[x.rank() - 1] = in_;
        y[y.rank() - 1] = out_;
        primitives = std::make_unique<ConvPrimitives>(backend_, spec_, x, y);
      }
      run(first, *primitives);
    }
  }

  // The part of t that starts at frame `first`.
  memory at(const memory::desc& desc, const Tensor& t, int64_t first) const {
    const auto frame = static_cast<size_t>(backend_.storage_count(t) / t.shape[0]) * bytes_of(t.dtype);
    return onednn_.memory(desc, static_cast<std::byte*>(t.data<void>()) + static_cast<size_t>(first) * frame);
  }

  void copy_padded(const float* w, float* to) const {
    const int64_t taps = int64_t{spec_.kernel[0]} * spec_.kernel[1] * spec_.kernel[2];
    if (!padded()) {
      std::memcpy(to, w, static_cast<size_t>(out_ * taps * in_) * sizeof(float));
      return;
    }
    std::memset(to, 0, static_cast<size_t>(out_ * taps * in_) * sizeof(float));
    for (int64_t row = 0; row < spec_.out_channels * taps; ++row)
      std::memcpy(to + row * in_, w + row * spec_.in_channels, static_cast<size_t>(spec_.in_channels) * sizeof(float));
  }

  memory reordered(const Tensor& w, const memory::desc& wanted) {
    const memory to = onednn_.scratch(OneDnn::Slot::kWeights, wanted);
    float* from = w.data();
    if (padded()) {
      from = static_cast<float*>(onednn_.scratch(OneDnn::Slot::kInput, canonical_desc().get_size()));
      copy_padded(w.data(), from);
    }
    onednn_.reorder_weights(onednn_.memory(canonical_desc(), from), to);
    return to;
  }

  // dw += gradient, which lies in the primitive's format.
  void add_weights(const memory& gradient, Tensor& dw) {
    if (!padded()) {
      onednn_.reorder_add(gradient, onednn_.memory(canonical_desc(), dw.data()));
      return;
    }
    const memory plain = onednn_.scratch(OneDnn::Slot::kOther, canonical_desc());
    onednn_.reorder(gradient, plain);
    const auto* from = static_cast<const float*>(plain.get_data_handle());
    const int64_t taps = int64_t{spec_.kernel[0]} * spec_.kernel[1] * spec_.kernel[2];
    const int64_t in = spec_.in_channels;
    for (int64_t row = 0; row < spec_.out_channels * taps; ++row)
      for (int64_t i = 0; i < in; ++i) dw.data()[row * in + i] += from[row * in_ + i];
  }

  memory padded_bias(const Tensor& b) {
    if (b.empty()) return {};
    const memory bias = onednn_.scratch(OneDnn::Slot::kOther2, bias_desc());
    auto* to = static_cast<float*>(bias.get_data_handle());
    std::fill_n(to, out_, 0.0f);
    std::copy_n(b.data(), spec_.out_channels, to);
    return bias;
  }

  CpuBackend& backend_;
  OneDnn& onednn_;
  ConvSpec spec_;
  Shape x_shape_, y_shape_;
  int64_t in_, out_;                                               // channels, padded to whole blocks
  std::map<int64_t, std::unique_ptr<ConvPrimitives>> primitives_;  // by the number of frames in a chunk
  std::optional<GatheredGradient> gathered_;
  Tensor converted_x_, converted_dy_, converted_residual_;
};

}  // namespace

memory PackedWeights::form(const memory::desc& canonical, const memory::desc& wanted) {
  for (auto& [desc, data] : forms_)
    if (desc == wanted) return onednn_.memory(wanted, data.reserve(wanted.get_size()));
  auto& [desc, data] = forms_.emplace_back(wanted, HostMemory{});
  const memory to = onednn_.memory(wanted, data.reserve(wanted.get_size()));
  onednn_.reorder_weights(onednn_.memory(canonical, this->data()), to);
  return to;
}

std::shared_ptr<Conv> make_library_conv(CpuBackend& backend, const ConvSpec& spec, const Shape& x) {
  return std::make_shared<LibraryConv>(backend, spec, x);
}

std::shared_ptr<Conv> CpuBackend::conv(const ConvSpec& spec, const Shape& x) {
  return convs_.get({spec, x.sizes()}, [&] {
    if (auto conv = make_time_dilated_conv(*this, spec, x)) return conv;
    return spec.in_channels == 1 && !spec.dilated() ? make_single_channel_conv(*this, spec, x)
                                                    : make_library_conv(*this, spec, x);
  });
}

}  // namespace avsr::backend::cpu
