#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <stdexcept>

#include "models/backend/cpu/conv.h"
#include "models/backend/cpu/simd_kernels.h"

// Note [Convolution of one channel], single_channel_tiles.inc. In bf16 too it computes in f32: each frame's output goes
// through a blocked f32 frame that stays in the cache.
namespace avsr::backend::cpu {
namespace {

// Weight gradients are summed in this many parts, whatever the number of threads, so that every run adds in one order.
constexpr int64_t kParts = 32;

class SingleChannelConv final : public Conv {
 public:
  SingleChannelConv(CpuBackend& backend, const ConvSpec& spec, const Shape& x)
      : backend_(backend), spec_(spec), x_shape_(x), y_shape_(conv_output_shape(spec, x)) {
    const bool three_d = x.rank() == 5;
    const Shape y =
        three_d && y_shape_.rank() == 4 ? Shape{y_shape_[0], 1, y_shape_[1], y_shape_[2], y_shape_[3]} : y_shape_;
    depth_ = three_d ? x[1] : 1;
    height_ = x[x.rank() - 3];
    width_ = x[x.rank() - 2];
    s_ = {.out_depth = three_d ? y[1] : 1,
          .out_height = y[y.rank() - 3],
          .out_width = y[y.rank() - 2],
          .kernel_depth = spec.kernel[0],
          .kernel_height = spec.kernel[1],
          .kernel_width = spec.kernel[2],
          .stride_depth = spec.stride[0],
          .stride_height = spec.stride[1],
          .stride_width = spec.stride[2],
          .plane_height = height_ + 2 * spec.padding[1],
          .plane_width = width_ + 2 * spec.padding[2]};
    bf16_ = backend.precision() == Precision::bf16;
    block_ = bf16_ ? 16 : backend.channel_block();
    pairs_ = (spec.out_channels + 2 * block_ - 1) / (2 * block_);
    out_blocks_ = (spec.out_channels + block_ - 1) / block_;
  }

  Shape output_shape() const override { return y_shape_; }

  void forward(const Tensor& x, const Tensor& w, const Tensor& b, Tensor& y) override {
    pack(w, {}, weights_);
    infer(x, weights_, b, {}, false, y);
  }

  // packed: (pairs of channel blocks, taps, 2, block).
  void pack(const Tensor& w, const Tensor& scale, Tensor& packed) override {
    check(w.shape.count() == spec_.out_channels * s_.taps(), "weights", w.shape);
    backend_.resize(packed, {pairs_, s_.taps(), 2, block_});
    std::fill_n(packed.data(), packed.shape.count(), 0.0f);
    for (int64_t o = 0; o < spec_.out_channels; ++o)
      for (int64_t k = 0; k < s_.taps(); ++k)
        packed.data()[packed_index(o, k)] = w.data()[o * s_.taps() + k] * (scale.empty() ? 1.0f : scale.data()[o]);
  }

  void infer(const Tensor& x, const Tensor& packed, const Tensor& b, const Tensor& residual, bool relu,
             Tensor& y) override {
    check(x.shape == x_shape_, "x", x.shape);
    check(packed.shape.count() == pairs_ * s_.taps() * 2 * block_, "packed weights", packed.shape);
    const Tensor input = backend_.as(DType::f32, x, converted_x_);
    const Tensor added = residual.empty() ? Tensor{} : blocked(residual);
    backend_.resize_map(y, y_shape_);
    std::vector<float> bias(static_cast<size_t>(pairs_ * 2 * block_));
    if (!b.empty()) std::copy_n(b.data(), spec_.out_channels, bias.begin());
    const int64_t frames = x_shape_[0], bands = residual.empty() ? band_count() : 1;
    reserve_scratch();
    const auto kernel = simd_kernels().single_channel_forward;
#pragma omp parallel for collapse(2)
    for (int64_t n = 0; n < frames; ++n) {
      for (int64_t band = 0; band < bands; ++band) {
        const Band part = band_of(band, bands);
        const float* plane = padded_plane(input, n) + part.x_offset;
        const int64_t distance = (bf16_ ? part.shape : s_).positions() * block_;
        float* out = bf16_ ? blocked_frame() : y.data() + y_offset(n, 0) + part.y_offset;
        for (int64_t pair = 0; pair < pairs_; ++pair)
          kernel(part.shape, {.x = plane,
                              .w = packed.data() + pair * s_.taps() * 2 * block_,
                              .bias = bias.data() + pair * 2 * block_,
                              .residual = residual.empty() ? nullptr : added.data() + y_offset(n, pair),
                              .y = out + pair * 2 * distance,
                              .block_distance = distance,
                              .blocks = blocks_of(pair),
                              .lanes = static_cast<int>(block_),
                              .relu = relu});
        if (bf16_)
          bf16_kernels().from_blocked(
              out, part.shape.positions(), spec_.out_channels,
              y.data<uint16_t>() + plain_offset(n) + part.y_offset / block_ * spec_.out_channels);
      }
    }
  }

  void backward_weights(const Tensor& x, const Tensor& dy, Tensor& dw, Tensor& db) override {
    check(x.shape == x_shape_, "x", x.shape);
    check(dy.shape == y_shape_, "dy", dy.shape);
    check(dw.shape.count() == spec_.out_channels * s_.taps(), "weight gradient", dw.shape);
    const Tensor input = backend_.as(DType::f32, x, converted_x_);
    const Tensor gradient = backend_.as_map(dy, converted_dy_);
    const int64_t size = pairs_ * s_.taps() * 2 * block_, frames = x_shape_[0];
    const int64_t parts = std::min(kParts, frames);
    partial_.assign(static_cast<size_t>(parts * size), 0.0f);
    reserve_scratch();
    const auto kernel = simd_kernels().single_channel_gradient;
#pragma omp parallel for
    for (int64_t part = 0; part < parts; ++part) {
      for (int64_t n = part * frames / parts; n < (part + 1) * frames / parts; ++n) {
        const float* plane = padded_plane(input, n);
        float* out = bf16_ ? blocked_frame() : gradient.data() + y_offset(n, 0);
        if (bf16_)
          bf16_kernels().to_blocked(gradient.data<uint16_t>() + plain_offset(n), s_.positions(), spec_.out_channels,
                                    out);
        for (int64_t pair = 0; pair < pairs_; ++pair)
          kernel(s_, {.x = plane,
                      .dy = out + y_offset(0, pair),
                      .dw = partial_.data() + part * size + pair * s_.taps() * 2 * block_,
                      .block_distance = s_.positions() * block_,
                      .blocks = blocks_of(pair),
                      .lanes = static_cast<int>(block_)});
      }
    }
    for (int64_t o = 0; o < spec_.out_channels; ++o) {
      for (int64_t k = 0; k < s_.taps(); ++k) {
        float sum = 0;
        for (int64_t part = 0; part < parts; ++part)
          sum += partial_[static_cast<size_t>(part * size + packed_index(o, k))];
        dw.data()[o * s_.taps() + k] += sum;
      }
    }
    if (!db.empty()) add_bias_gradient(blocked(dy), db);
  }

  // Nothing in the networks wants the gradient of raw input; a plain loop serves those who do.
  void backward_data(const Tensor& dy, const Tensor& w, Tensor& dx) override {
    check(dy.shape == y_shape_, "dy", dy.shape);
    const Tensor gradient = blocked(dy);
    check(w.shape.count() == spec_.out_channels * s_.taps(), "weights", w.shape);
    backend_.resize(dx, x_shape_);
    const int64_t x_count = depth_ * height_ * width_;
#pragma omp parallel for
    for (int64_t n = 0; n < x_shape_[0]; ++n) {
      float* to = dx.data() + n * x_count;
      std::fill_n(to, x_count, 0.0f);
      for (int64_t o = 0; o < spec_.out_channels; ++o) scatter(gradient, w.data() + o * s_.taps(), n, o, to);
    }
  }

 private:
  void check(bool good, const char* what, const Shape& got) const {
    if (!good)
      throw std::invalid_argument(fmt::format("[conv] of x {} with {} output channels: unexpected {} {}",
                                              x_shape_.text(), spec_.out_channels, what, got.text()));
  }

  int64_t packed_index(int64_t o, int64_t tap) const {
    const int64_t pair = o / (2 * block_), lane = o % (2 * block_);
    return (pair * s_.taps() + tap) * 2 * block_ + lane;
  }

  int64_t plane_size() const { return (depth_ + 2 * spec_.padding[0]) * s_.plane_height * s_.plane_width; }

  // t as f32 in the private layout.
  Tensor blocked(const Tensor& t) const {
    if (t.layout == Layout::kPrivate) return t;
    Tensor plain, result;
    backend_.to_private(backend_.as(DType::f32, t, plain), result);
    return result;
  }

  int64_t y_offset(int64_t n, int64_t pair) const { return (n * out_blocks_ + pair * 2) * s_.positions() * block_; }
  int64_t plain_offset(int64_t n) const { return n * s_.positions() * spec_.out_channels; }
  int blocks_of(int64_t pair) const { return static_cast<int>(std::min<int64_t>(2, out_blocks_ - 2 * pair)); }

  void reserve_scratch() {
    planes_.resize(static_cast<size_t>(omp_get_max_threads()));
    frames_.resize(planes_.size());
  }

  // One frame of y in blocks, in this thread's memory.
  float* blocked_frame() {
    return static_cast<float*>(frames_[static_cast<size_t>(omp_get_thread_num())].reserve(
        static_cast<size_t>(y_offset(1, 0)) * sizeof(float)));
  }

  // Frame n with its padding written out, in this thread's memory.
  const float* padded_plane(const Tensor& x, int64_t n) {
    const float* from = x.data() + n * depth_ * height_ * width_;
    if (spec_.padding == std::array{0, 0, 0}) return from;
    auto* plane = static_cast<float*>(
        planes_[static_cast<size_t>(omp_get_thread_num())].reserve(static_cast<size_t>(plane_size()) * sizeof(float)));
    std::fill_n(plane, plane_size(), 0.0f);
    for (int64_t d = 0; d < depth_; ++d)
      for (int64_t h = 0; h < height_; ++h)
        std::copy_n(from + (d * height_ + h) * width_, width_,
                    plane + ((d + spec_.padding[0]) * s_.plane_height + h + spec_.padding[1]) * s_.plane_width +
                        spec_.padding[2]);
    return plane;
  }

  // A part of the output of one frame, for batches with fewer frames than threads.
  struct Band {
    SingleChannelShape shape;
    int64_t x_offset = 0, y_offset = 0;
  };
  int64_t band_count() const {
    const int64_t wanted = x_shape_[0] >= 2 * backend_.threads() ? 1 : 2 * backend_.threads();
    if (s_.out_depth > 1) return 1;
    return std::min(wanted, s_.out_height > 1 ? s_.out_height : s_.out_width);
  }
  Band band_of(int64_t band, int64_t bands) const {
    Band result{.shape = s_};
    if (bands == 1) return result;
    const bool rows = s_.out_height > 1;
    const int64_t whole = rows ? s_.out_height : s_.out_width;
    const int64_t first = band * whole / bands, count = (band + 1) * whole / bands - first;
    (rows ? result.shape.out_height : result.shape.out_width) = count;
    result.x_offset = first * (rows ? s_.stride_height * s_.plane_width : s_.stride_width);
    result.y_offset = first * (rows ? s_.out_width : 1) * block_;
    return result;
  }

  // dx += the part of one frame and output channel.
  void scatter(const Tensor& dy, const float* w, int64_t n, int64_t o, float* dx) const {
    const float* g = dy.data() + (n * out_blocks_ + o / block_) * s_.positions() * block_ + o % block_;
    for (int64_t p = 0; p < s_.positions(); ++p) {
      const int64_t d = p / (s_.out_height * s_.out_width), h = p / s_.out_width % s_.out_height, q = p % s_.out_width;
      for (int64_t k = 0; k < s_.taps(); ++k) {
        const int64_t z = d * s_.stride_depth + k / (s_.kernel_height * s_.kernel_width) - spec_.padding[0];
        const int64_t y = h * s_.stride_height + k / s_.kernel_width % s_.kernel_height - spec_.padding[1];
        const int64_t x = q * s_.stride_width + k % s_.kernel_width - spec_.padding[2];
        if (z >= 0 && z < depth_ && y >= 0 && y < height_ && x >= 0 && x < width_)
          dx[(z * height_ + y) * width_ + x] += g[p * block_] * w[k];
      }
    }
  }

  void add_bias_gradient(const Tensor& dy, Tensor& db) const {
#pragma omp parallel for
    for (int64_t o = 0; o < spec_.out_channels; ++o) {
      double sum = 0;
      for (int64_t n = 0; n < x_shape_[0]; ++n) {
        const float* g = dy.data() + (n * out_blocks_ + o / block_) * s_.positions() * block_ + o % block_;
        for (int64_t p = 0; p < s_.positions(); ++p) sum += g[p * block_];
      }
      db.data()[o] += static_cast<float>(sum);
    }
  }

  CpuBackend& backend_;
  ConvSpec spec_;
  Shape x_shape_, y_shape_;
  int64_t depth_ = 1, height_ = 1, width_ = 1;
  SingleChannelShape s_;
  int64_t block_ = 16, pairs_ = 1, out_blocks_ = 1;
  bool bf16_ = false;
  Tensor weights_, converted_x_, converted_dy_;
  std::vector<HostMemory> planes_, frames_;  // one a thread
  std::vector<float> partial_;
};

}  // namespace

std::shared_ptr<Conv> make_single_channel_conv(CpuBackend& backend, const ConvSpec& spec, const Shape& x) {
  return std::make_shared<SingleChannelConv>(backend, spec, x);
}

}  // namespace avsr::backend::cpu
