// Activations that stand alone: PReLU and Swish.
#include <cmath>

#include "models/backend/checks.h"
#include "models/backend/cuda/cuda_backend.h"
#include "models/backend/cuda/elements.h"
#include "models/backend/cuda/row_sums.h"

namespace avsr::backend::cuda {
namespace {

struct Prelu {
  Elements x, y;
  const float* slope;
  int64_t channels;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const float value = x.load(i);
    y.store(i, value > 0 ? value : slope[divide(i, channels).rest] * value);
  }
};

struct PreluGradient {
  Elements x, dy, dx;
  const float* slope;
  int64_t channels;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const float gradient = dy.load(i);
    dx.store(i, x.load(i) > 0 ? gradient : slope[divide(i, channels).rest] * gradient);
  }
};

struct SlopeTerm {
  Elements x, dy;
  AVSR_HOST_DEVICE float operator()(int64_t i) const {
    const float value = x.load(i);
    return value > 0 ? 0.f : value * dy.load(i);
  }
};

AVSR_HOST_DEVICE inline float sigmoid(float value) { return 1 / (1 + expf(-value)); }

struct Swish {
  Elements x, y;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const float value = x.load(i);
    y.store(i, value * sigmoid(value));
  }
};

struct SwishGradient {
  Elements x, dy, dx;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const float value = x.load(i), share = sigmoid(value);
    dx.store(i, dy.load(i) * share * (1 + value * (1 - share)));
  }
};

}  // namespace

void CudaBackend::prelu(const Tensor& x, const Tensor& slope, Tensor& y) {
  check_shape("prelu", "slopes", slope.shape, {x.shape.back()});
  const Tensor source = x;  // holds the memory when y is x
  resize(y, source.shape, source.dtype);
  launch(*stream_, source.shape.count(), Prelu{Elements(source), Elements(y), slope.data(), slope.shape[0]});
}

void CudaBackend::prelu_backward(const Tensor& x, const Tensor& slope, const Tensor& dy, Tensor& dx, Tensor& dslope) {
  check_shape("prelu", "slopes", slope.shape, {x.shape.back()});
  check_shape("prelu", "dy", dy.shape, x.shape);
  check_shape("prelu", "gradients of the slopes", dslope.shape, slope.shape);
  const Tensor gradient = dy;  // holds the memory when dx is dy
  const int64_t channels = slope.shape[0];
  add_terms(*this, SlopeTerm{Elements(x), Elements(gradient)}, x.shape.count() / channels, channels, dslope.data());
  resize(dx, x.shape, gradient.dtype);
  launch(*stream_, x.shape.count(),
         PreluGradient{Elements(x), Elements(gradient), Elements(dx), slope.data(), channels});
}

void CudaBackend::swish(const Tensor& x, Tensor& y) {
  const Tensor source = x;  // holds the memory when y is x
  resize(y, source.shape, source.dtype);
  launch(*stream_, source.shape.count(), Swish{Elements(source), Elements(y)});
}

void CudaBackend::swish_backward(const Tensor& x, const Tensor& dy, Tensor& dx) {
  check_shape("swish", "dy", dy.shape, x.shape);
  const Tensor gradient = dy;  // holds the memory when dx is dy
  resize(dx, x.shape, gradient.dtype);
  launch(*stream_, x.shape.count(), SwishGradient{Elements(x), Elements(gradient), Elements(dx)});
}

}  // namespace avsr::backend::cuda
