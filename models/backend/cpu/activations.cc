// Activations that stand alone: PReLU in loops of our own, Swish by oneDNN. Both keep the channel padding of a private
// tensor zero (Note [Private layout]).
//
// oneDNN's PReLU sums the slopes' gradients in an order that depends on the number of threads; here they are cut into
// strips by shape alone, as in Note [Batch norm strips].
#include <algorithm>
#include <utility>
#include <vector>

#include "models/backend/bf16.h"
#include "models/backend/cpu/cpu_backend.h"
#include "models/backend/cpu/loops.h"
#include "models/backend/cpu/onednn.h"

#define AVSR_INLINE inline __attribute__((always_inline))

namespace avsr::backend::cpu {
namespace {

constexpr int64_t kStripPositions = 512;

AVSR_INLINE float load(float value) { return value; }
AVSR_INLINE float load(uint16_t bf16) { return float_of_bf16(bf16); }
AVSR_INLINE void store(float value, float& to) { to = value; }
AVSR_INLINE void store(float value, uint16_t& to) { to = bf16_of_float(value); }

// Over positions x width elements, of which neighbours are channels.
template <typename T>
AVSR_INLINE void prelu_positions(const T* x, const float* slope, T* y, int64_t positions, int64_t width) {
  for (int64_t p = 0; p < positions; ++p, x += width, y += width)
    for (int64_t c = 0; c < width; ++c) {
      const float value = load(x[c]);
      store(value > 0 ? value : slope[c] * value, y[c]);
    }
}

template <typename T>
AVSR_INLINE void prelu_gradients(const T* x, const float* slope, const T* dy, T* dx, float* dslope, int64_t positions,
                                 int64_t width) {
  for (int64_t p = 0; p < positions; ++p, x += width, dy += width, dx += width)
    for (int64_t c = 0; c < width; ++c) {
      const float value = load(x[c]), gradient = load(dy[c]);
      dslope[c] += value > 0 ? 0.0f : value * gradient;
      store(value > 0 ? gradient : slope[c] * gradient, dx[c]);
    }
}

AVSR_CLONES void run_prelu(const float* x, const float* slope, float* y, int64_t positions, int64_t width) {
  prelu_positions(x, slope, y, positions, width);
}
AVSR_CLONES void run_prelu(const uint16_t* x, const float* slope, uint16_t* y, int64_t positions, int64_t width) {
  prelu_positions(x, slope, y, positions, width);
}
AVSR_CLONES void run_gradients(const float* x, const float* slope, const float* dy, float* dx, float* dslope,
                               int64_t positions, int64_t width) {
  prelu_gradients(x, slope, dy, dx, dslope, positions, width);
}
AVSR_CLONES void run_gradients(const uint16_t* x, const float* slope, const uint16_t* dy, uint16_t* dx, float* dslope,
                               int64_t positions, int64_t width) {
  prelu_gradients(x, slope, dy, dx, dslope, positions, width);
}

// A tensor as strips: of one block of channels, the positions of a few neighbouring rows (frames or clips).
struct SlopeStrips {
  ChannelView view;
  int64_t rows = 1;       // of a strip
  int64_t per_block = 0;  // strips

  explicit SlopeStrips(const ChannelView& of) : view(of) {
    if (view.outer == 1 && view.blocks == 1) std::swap(view.outer, view.steps);  // plain rows: cut them like clips
    rows = std::max<int64_t>(1, kStripPositions / std::max<int64_t>(1, view.steps));
    per_block = (view.outer + rows - 1) / rows;
  }
  int64_t count() const { return view.blocks * per_block; }
  // run(strip, its block, where it starts, positions) for each stretch of memory of each strip.
  template <typename Run>
  void for_each(const Run& run) const {
    const int64_t strips = count();
#pragma omp parallel for schedule(static)
    for (int64_t strip = 0; strip < strips; ++strip) {
      const int64_t block = strip / per_block, first = strip % per_block * rows;
      for (int64_t row = first; row < std::min(first + rows, view.outer); ++row)
        run(strip, block, (row * view.blocks + block) * view.steps * view.width, view.steps);
    }
  }
};

// The slopes, with zeros for channels that pad a block.
std::vector<float> padded_slopes(const Tensor& slope, const Tensor& x, const ChannelView& view) {
  check_shape("prelu", "slopes", slope.shape, {x.shape.back()});
  std::vector<float> slopes(static_cast<size_t>(view.blocks * view.width), 0.0f);
  std::copy_n(slope.data(), x.shape.back(), slopes.begin());
  return slopes;
}

// dy as elements of x's type in x's layout, in `converted` where it is not.
const Tensor& as_x(CpuBackend& backend, const char* operation, const Tensor& x, const Tensor& dy, Tensor& converted) {
  check_shape(operation, "dy", dy.shape, x.shape);
  if (dy.layout == x.layout && dy.dtype == x.dtype) return dy;
  if (x.layout == Layout::kPrivate)
    backend.to_private(dy, converted);
  else
    backend.convert(dy, x.dtype, converted);
  return converted;
}

using SwishForward = dnnl::eltwise_forward::primitive_desc;
using SwishBackward = dnnl::eltwise_backward::primitive_desc;

dnnl::memory::desc flat(const CpuBackend& backend, const Tensor& t) {
  using type = dnnl::memory::data_type;
  return {{backend.storage_count(t)}, t.dtype == DType::bf16 ? type::bf16 : type::f32, dnnl::memory::format_tag::a};
}

SwishForward describe_swish(const OneDnn& onednn, const dnnl::memory::desc& values) {
  constexpr auto kTraining = dnnl::prop_kind::forward_training;
  constexpr auto kSwish = dnnl::algorithm::eltwise_swish;
#if DNNL_VERSION_MAJOR < 3
  return describe<dnnl::eltwise_forward>(onednn.engine(), user_scratchpad(), kTraining, kSwish, values, 1.0f, 0.0f);
#else
  return describe<dnnl::eltwise_forward>(onednn.engine(), user_scratchpad(), kTraining, kSwish, values, values, 1.0f,
                                         0.0f);
#endif
}

SwishBackward describe_swish_backward(const OneDnn& onednn, const dnnl::memory::desc& values) {
  constexpr auto kSwish = dnnl::algorithm::eltwise_swish;
  const SwishForward forward = describe_swish(onednn, values);
#if DNNL_VERSION_MAJOR < 3
  return describe_backward<dnnl::eltwise_backward>(onednn.engine(), user_scratchpad(), forward, kSwish, values, values,
                                                   1.0f, 0.0f);
#else
  return describe_backward<dnnl::eltwise_backward>(onednn.engine(), user_scratchpad(), forward, kSwish, values, values,
                                                   values, 1.0f, 0.0f);
#endif
}

}  // namespace

void CpuBackend::prelu(const Tensor& x, const Tensor& slope, Tensor& y) {
  const Tensor source = x;  // holds the memory when y is x
  const SlopeStrips strips(view(source));
  const std::vector<float> slopes = padded_slopes(slope, source, strips.view);
  resize_like(y, source);
  const auto run = [&](const auto* from, auto* to) {
    strips.for_each([&](int64_t, int64_t block, int64_t at, int64_t positions) {
      run_prelu(from + at, slopes.data() + block * strips.view.width, to + at, positions, strips.view.width);
    });
  };
  if (source.dtype == DType::bf16)
    run(source.data<uint16_t>(), y.data<uint16_t>());
  else
    run(source.data(), y.data());
}

void CpuBackend::prelu_backward(const Tensor& x, const Tensor& slope, const Tensor& dy, Tensor& dx, Tensor& dslope) {
  Tensor converted;
  const Tensor gradient = as_x(*this, "prelu", x, dy, converted);
  const SlopeStrips strips(view(x));
  const int64_t width = strips.view.width;
  const std::vector<float> slopes = padded_slopes(slope, x, strips.view);
  check_shape("prelu", "gradients of the slopes", dslope.shape, slope.shape);
  std::vector<float> sums(static_cast<size_t>(strips.count() * width), 0.0f);
  resize_like(dx, x);
  const auto run = [&](const auto* values, const auto* from, auto* to) {
    strips.for_each([&](int64_t strip, int64_t block, int64_t at, int64_t positions) {
      run_gradients(values + at, slopes.data() + block * width, from + at, to + at, sums.data() + strip * width,
                    positions, width);
    });
  };
  if (x.dtype == DType::bf16)
    run(x.data<uint16_t>(), gradient.data<uint16_t>(), dx.data<uint16_t>());
  else
    run(x.data(), gradient.data(), dx.data());
  for (int64_t c = 0; c < slope.shape[0]; ++c) {
    double total = 0;
    for (int64_t i = 0; i < strips.per_block; ++i)
      total += sums[static_cast<size_t>((c / width * strips.per_block + i) * width + c % width)];
    dslope.data()[c] += static_cast<float>(total);
  }
}

void CpuBackend::swish(const Tensor& x, Tensor& y) {
  const Tensor source = x;  // holds the memory when y is x
  resize_like(y, source);
  if (storage_count(source) == 0) return;
  const SwishForward described = describe_swish(*onednn_, flat(*this, source));
  onednn_->run(dnnl::eltwise_forward(described), described.scratchpad_desc(),
               {{DNNL_ARG_SRC, onednn_->memory(described.src_desc(), source.data<void>())},
                {DNNL_ARG_DST, onednn_->memory(described.dst_desc(), y.data<void>())}});
}

void CpuBackend::swish_backward(const Tensor& x, const Tensor& dy, Tensor& dx) {
  Tensor converted;
  const Tensor gradient = as_x(*this, "swish", x, dy, converted);
  resize_like(dx, x);
  if (storage_count(x) == 0) return;
  const SwishBackward described = describe_swish_backward(*onednn_, flat(*this, x));
  onednn_->run(dnnl::eltwise_backward(described), described.scratchpad_desc(),
               {{DNNL_ARG_SRC, onednn_->memory(described.src_desc(), x.data<void>())},
                {DNNL_ARG_DIFF_DST, onednn_->memory(described.diff_dst_desc(), gradient.data<void>())},
                {DNNL_ARG_DIFF_SRC, onednn_->memory(described.diff_src_desc(), dx.data<void>())}});
}

}  // namespace avsr::backend::cpu
