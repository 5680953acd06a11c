// Element-wise operations, and conversion between types.
#include "models/backend/checks.h"
#include "models/backend/cuda/cuda_backend.h"
#include "models/backend/cuda/launch.h"
#include "models/backend/dropout_hash.h"

namespace avsr::backend::cuda {
namespace {

struct Fill {
  float* y;
  float value;
  AVSR_HOST_DEVICE void operator()(int64_t i) const { y[i] = value; }
};

struct Convert {
  Elements x, y;
  AVSR_HOST_DEVICE void operator()(int64_t i) const { y.store(i, x.load(i)); }
};

struct Add {
  Elements x, y;
  AVSR_HOST_DEVICE void operator()(int64_t i) const { y.store(i, y.load(i) + x.load(i)); }
};

// y is kept where `by` is above zero.
struct KeepPositive {
  Elements by, y;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    if (!(by.load(i) > 0)) y.store(i, 0.f);
  }
};

struct Scale {
  float* y;
  float factor;
  AVSR_HOST_DEVICE void operator()(int64_t i) const { y[i] *= factor; }
};

struct Drop {
  Elements x, y;
  uint64_t seed;
  uint32_t threshold;
  float factor;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    y.store(i, dropout_hash(seed, static_cast<uint64_t>(i)) >= threshold ? x.load(i) * factor : 0.f);
  }
};

}  // namespace

void CudaBackend::fill(Tensor& t, float value) {
  if (t.dtype != DType::f32) reject("fill", {"expected an f32 tensor"});
  launch(*stream_, t.shape.count(), Fill{t.data(), value});
}

void CudaBackend::copy(const Tensor& x, Tensor& y) {
  const Tensor source = x;  // holds the memory when y is x
  resize(y, source.shape, source.dtype);
  stream_->copy(source.data<void>(), y.data<void>(),
                static_cast<size_t>(source.shape.count()) * bytes_of(source.dtype));
}

void CudaBackend::add(const Tensor& x, Tensor& y) {
  check_shape("add", "a tensor", x.shape, y.shape);
  launch(*stream_, y.shape.count(), Add{Elements(x), Elements(y)});
}

void CudaBackend::relu(Tensor& y) { relu_backward(y, y); }

void CudaBackend::relu_backward(const Tensor& y, Tensor& dy) {
  check_shape("relu", "a tensor", y.shape, dy.shape);
  launch(*stream_, dy.shape.count(), KeepPositive{Elements(y), Elements(dy)});
}

void CudaBackend::scale(Tensor& t, float factor) {
  if (t.dtype != DType::f32) reject("scale", {"expected an f32 tensor"});
  launch(*stream_, t.shape.count(), Scale{t.data(), factor});
}

void CudaBackend::dropout(const Tensor& x, float p, uint64_t seed, Tensor& y) {
  if (!(p >= 0 && p < 1)) reject("dropout", {"expected 0 <= p < 1, got ", std::to_string(p)});
  const Tensor source = x;
  resize(y, source.shape, source.dtype);
  launch(*stream_, source.shape.count(), Drop{Elements(source), Elements(y), seed, dropout_threshold(p), 1 / (1 - p)});
}

const Tensor& CudaBackend::as_operand(const Tensor& t, Tensor& converted) {
  if (t.dtype == activation_type()) return t;
  resize_activation(converted, t.shape);
  launch(*stream_, t.shape.count(), Convert{Elements(t), Elements(converted)});
  return converted;
}

}  // namespace avsr::backend::cuda
