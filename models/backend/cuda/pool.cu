// Pooling over H and W.
#include "models/backend/checks.h"
#include "models/backend/cuda/cuda_backend.h"
#include "models/backend/cuda/launch.h"

namespace avsr::backend::cuda {
namespace {

struct Window {
  int64_t h, w, c, oh, ow;
  int kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w;
};

// An index counts y's elements. saved: the place of the maximum in its window, row by row.
struct MaxForward {
  Window s;
  Elements x, y;
  uint16_t* saved;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [position, channel] = divide(i, s.c);
    const auto [row, ox] = divide(position, s.ow);
    const auto [n, oy] = divide(row, s.oh);
    float best = 0;
    int best_at = -1;
    for (int ky = 0; ky < s.kernel_h; ++ky)
      for (int kx = 0; kx < s.kernel_w; ++kx) {
        const int64_t iy = oy * s.stride_h - s.padding_h + ky, ix = ox * s.stride_w - s.padding_w + kx;
        if (iy < 0 || iy >= s.h || ix < 0 || ix >= s.w) continue;
        const float value = x.load(((n * s.h + iy) * s.w + ix) * s.c + channel);
        if (best_at >= 0 && !(value > best)) continue;
        best = value;
        best_at = ky * s.kernel_w + kx;
      }
    y.store(i, best);
    saved[i] = static_cast<uint16_t>(best_at);
  }
};

struct AverageForward {
  Window s;
  Elements x, y;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [position, channel] = divide(i, s.c);
    const auto [row, ox] = divide(position, s.ow);
    const auto [n, oy] = divide(row, s.oh);
    float sum = 0;
    for (int ky = 0; ky < s.kernel_h; ++ky)
      for (int kx = 0; kx < s.kernel_w; ++kx) {
        const int64_t iy = oy * s.stride_h - s.padding_h + ky, ix = ox * s.stride_w - s.padding_w + kx;
        if (iy >= 0 && iy < s.h && ix >= 0 && ix < s.w) sum += x.load(((n * s.h + iy) * s.w + ix) * s.c + channel);
      }
    y.store(i, sum / static_cast<float>(s.kernel_h * s.kernel_w));
  }
};

// Windows that see a position: [first, last] of `count`, each `stride` apart and `kernel` long; padded: with the
// padding added.
struct Seen {
  int first, last;
};
AVSR_HOST_DEVICE inline Seen windows_of(int padded, int kernel, int stride, int64_t count) {
  const int first = padded < kernel ? 0 : (padded - kernel) / stride + 1, last = padded / stride;
  return {first, last < count ? last : static_cast<int>(count) - 1};
}

// Each element of x gathers from the windows that saw it. An index counts (n, y, x, group of channels). saved: null for
// the average.
template <int kLanes>
struct Backward {
  Window s;
  Elements dy, dx;
  const uint16_t* saved;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [position, group] = divide(i, s.c / kLanes);
    const auto [row, ix] = divide(position, s.w);
    const auto [n, iy] = divide(row, s.h);
    const int64_t channel = group * kLanes;
    const int y = static_cast<int>(iy) + s.padding_h, x = static_cast<int>(ix) + s.padding_w;
    const Seen rows = windows_of(y, s.kernel_h, s.stride_h, s.oh),
               columns = windows_of(x, s.kernel_w, s.stride_w, s.ow);
    Lanes<kLanes> sum{};
    for (int oy = rows.first; oy <= rows.last; ++oy)
      for (int ox = columns.first; ox <= columns.last; ++ox) {
        const int64_t out = ((n * s.oh + oy) * s.ow + ox) * s.c + channel;
        const Lanes<kLanes> gradient = dy.load_lanes<kLanes>(out);
        if (!saved) {
          for (int k = 0; k < kLanes; ++k) sum.of[k] += gradient.of[k];
          continue;
        }
        const int place = (y - oy * s.stride_h) * s.kernel_w + x - ox * s.stride_w;
        const auto places = *reinterpret_cast<const Packet<uint16_t, kLanes>*>(saved + out);
        for (int k = 0; k < kLanes; ++k)
          if (places.of[k] == place) sum.of[k] += gradient.of[k];
      }
    if (!saved)
      for (int k = 0; k < kLanes; ++k) sum.of[k] /= static_cast<float>(s.kernel_h * s.kernel_w);
    dx.store_lanes(position * s.c + channel, sum);
  }
};

class CudaPool final : public Pool {
 public:
  CudaPool(CudaBackend& backend, const PoolSpec& spec, const Shape& x)
      : backend_(backend), spec_(spec), x_shape_(x), y_shape_(pool_output_shape(spec, x)) {
    window_ = {x[1],           x[2],           x[3],           y_shape_[1],     y_shape_[2],    spec.kernel[0],
               spec.kernel[1], spec.stride[0], spec.stride[1], spec.padding[0], spec.padding[1]};
  }

  Shape output_shape() const override { return y_shape_; }

  void forward(const Tensor& x, Tensor& saved, Tensor& y) override {
    check_shape("pool", "x", x.shape, x_shape_);
    backend_.resize_activation(y, y_shape_);
    if (spec_.kind == PoolSpec::Kind::average) {
      launch(backend_.stream(), y_shape_.count(), AverageForward{window_, Elements(x), Elements(y)});
      return;
    }
    backend_.resize(saved, {2 * y_shape_.count()}, DType::u8);
    launch(backend_.stream(), y_shape_.count(), MaxForward{window_, Elements(x), Elements(y), places(saved)});
  }

  void backward(const Tensor& dy, const Tensor& saved, Tensor& dx) override {
    check_shape("pool", "dy", dy.shape, y_shape_);
    const bool largest = spec_.kind == PoolSpec::Kind::max;
    if (largest && (saved.empty() || saved.shape.count() != 2 * y_shape_.count()))
      reject("pool", {"backward wants what forward saved for the same shape"});
    backend_.resize_activation(dx, x_shape_);
    const uint16_t* maxima = largest ? places(saved) : nullptr;
    if (window_.c % 8 == 0)
      launch(backend_.stream(), x_shape_.count() / 8, Backward<8>{window_, Elements(dy), Elements(dx), maxima});
    else
      launch(backend_.stream(), x_shape_.count(), Backward<1>{window_, Elements(dy), Elements(dx), maxima});
  }

 private:
  static uint16_t* places(const Tensor& saved) { return static_cast<uint16_t*>(saved.data<void>()); }

  CudaBackend& backend_;
  PoolSpec spec_;
  Shape x_shape_, y_shape_;
  Window window_{};
};

}  // namespace

std::shared_ptr<Pool> make_pool(CudaBackend& backend, const PoolSpec& spec, const Shape& x) {
  return std::make_shared<CudaPool>(backend, spec, x);
}

}  // namespace avsr::backend::cuda
