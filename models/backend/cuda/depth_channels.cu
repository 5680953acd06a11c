#include "models/backend/cuda/depth_channels.h"

#include "models/backend/cuda/launch.h"

namespace avsr::backend::cuda {
namespace {

// An index counts the folded tensor's elements.
struct Fold {
  Elements x, y;
  int64_t depth, pixels, channels;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [position, channel] = divide(i, channels);
    const auto [n, pixel] = divide(position, pixels);
    y.store(i, channel < depth ? x.load((n * depth + channel) * pixels + pixel) : 0.f);
  }
};

// An index counts the unfolded tensor's elements.
struct Unfold {
  Elements y, x;
  int64_t depth, pixels, channels;
  bool add;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [plane, pixel] = divide(i, pixels);
    const auto [n, d] = divide(plane, depth);
    const float value = y.load((n * pixels + pixel) * channels + d);
    x.store(i, add ? x.load(i) + value : value);
  }
};

}  // namespace

void fold_depth(CudaBackend& backend, const Tensor& x, int64_t channels, Tensor& y) {
  const Shape& s = x.shape;
  backend.resize_activation(y, {s[0], s[2], s[3], channels});
  launch(backend.stream(), y.shape.count(), Fold{Elements(x), Elements(y), s[1], s[2] * s[3], channels});
}

void unfold_depth(CudaBackend& backend, const Tensor& y, bool add, Tensor& x) {
  const Shape& s = x.shape;
  launch(backend.stream(), s.count(), Unfold{Elements(y), Elements(x), s[1], s[2] * s[3], y.shape.back(), add});
}

}  // namespace avsr::backend::cuda
