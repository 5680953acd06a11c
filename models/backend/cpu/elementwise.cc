// Element-wise operations. They run over the whole storage of a tensor, so they serve both layouts; each maps zero to
// zero or keeps the channel padding zero (Note [Private layout]).
#include <cstring>

#include "models/backend/bf16.h"
#include "models/backend/cpu/cpu_backend.h"
#include "models/backend/cpu/loops.h"
#include "models/backend/cpu/simd_kernels.h"
#include "models/backend/dropout_hash.h"

namespace avsr::backend::cpu {
namespace {

float as_float(float value) { return value; }
float as_float(uint16_t bf16) { return float_of_bf16(bf16); }

AVSR_CLONES void fill_range(float* y, int64_t count, float value) {
  for (int64_t i = 0; i < count; ++i) y[i] = value;
}

AVSR_CLONES void add_range(const float* x, float* y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) y[i] += x[i];
}

// Keeps where `by` is above zero.
template <typename By, typename T>
void keep_positive(const Tensor& by, Tensor& y, int64_t count) {
  const By* sign = by.data<By>();
  T* values = y.data<T>();
  for_blocks(count, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) values[i] = as_float(sign[i]) > 0 ? values[i] : T{0};
  });
}

AVSR_CLONES void scale_range(float* y, int64_t count, float factor) {
  for (int64_t i = 0; i < count; ++i) y[i] *= factor;
}

AVSR_CLONES void dropout_range(const float* x, float* y, int64_t first, int64_t last, uint64_t seed, uint32_t threshold,
                               float factor) {
  for (int64_t i = first; i < last; ++i)
    y[i] = dropout_hash(seed, static_cast<uint64_t>(i)) >= threshold ? x[i] * factor : 0.0f;
}

AVSR_CLONES void dropout_range(const uint16_t* x, uint16_t* y, int64_t first, int64_t last, uint64_t seed,
                               uint32_t threshold, float factor) {
  for (int64_t i = first; i < last; ++i)
    y[i] = dropout_hash(seed, static_cast<uint64_t>(i)) >= threshold ? bf16_of_float(float_of_bf16(x[i]) * factor)
                                                                     : uint16_t{0};
}

void check_same(const char* operation, const Tensor& a, const Tensor& b) {
  check_shape(operation, "tensors", b.shape, a.shape);
  if (a.layout != b.layout)
    throw std::invalid_argument("[" + std::string(operation) + "] expected tensors of one layout, shape " +
                                a.shape.text());
}

}  // namespace

void CpuBackend::fill(Tensor& t, float value) {
  if (t.dtype == DType::u8) throw std::invalid_argument("[fill] expected an f32 or bf16 tensor");
  // A private tensor's channel padding stays zero, so only zero may be written over all of its storage.
  if (t.layout == Layout::kPrivate && value != 0) {
    Tensor plain;
    resize(plain, t.shape);
    fill(plain, value);
    to_private(plain, t);
    return;
  }
  if (t.dtype == DType::bf16) {
    std::fill_n(t.data<uint16_t>(), storage_count(t), bf16_of_float(value));
    return;
  }
  float* y = t.data();
  for_blocks(storage_count(t), [&](int64_t first, int64_t last) { fill_range(y + first, last - first, value); });
}

void CpuBackend::copy(const Tensor& x, Tensor& y) {
  const Tensor source = x;  // holds the memory when y is x
  const size_t bytes = static_cast<size_t>(storage_count(source)) * bytes_of(source.dtype);
  if (source.dtype == DType::f32)
    resize_like(y, source);
  else
    resize(y, source.shape, source.dtype);
  const auto* from = static_cast<const std::byte*>(source.data<void>());
  auto* to = static_cast<std::byte*>(y.data<void>());
  if (from == to) return;
  for_blocks(static_cast<int64_t>(bytes + 3) / 4, [&](int64_t first, int64_t last) {
    const size_t start = static_cast<size_t>(first) * 4, end = std::min(bytes, static_cast<size_t>(last) * 4);
    std::memcpy(to + start, from + start, end - start);
  });
}

void CpuBackend::add(const Tensor& x, Tensor& y) {
  check_same("add", x, y);
  if (x.dtype != y.dtype) {
    Tensor converted;
    convert(x, y.dtype, converted);
    return add(converted, y);
  }
  if (x.dtype == DType::bf16) {
    const Bf16Kernels& kernels = bf16_kernels();
    for_blocks(storage_count(y), [&](int64_t first, int64_t last) {
      kernels.add(x.data<uint16_t>() + first, last - first, y.data<uint16_t>() + first);
    });
    return;
  }
  const float* from = x.data();
  float* to = y.data();
  for_blocks(storage_count(y), [&](int64_t first, int64_t last) { add_range(from + first, to + first, last - first); });
}

void CpuBackend::relu(Tensor& y) { relu_backward(y, y); }

void CpuBackend::relu_backward(const Tensor& y, Tensor& dy) {
  check_same("relu", y, dy);
  const bool by_bf16 = y.dtype == DType::bf16, bf16 = dy.dtype == DType::bf16;
  if (by_bf16)
    bf16 ? keep_positive<uint16_t, uint16_t>(y, dy, storage_count(dy))
         : keep_positive<uint16_t, float>(y, dy, storage_count(dy));
  else
    bf16 ? keep_positive<float, uint16_t>(y, dy, storage_count(dy))
         : keep_positive<float, float>(y, dy, storage_count(dy));
}

void CpuBackend::scale(Tensor& t, float factor) {
  if (t.dtype != DType::f32 || t.layout != Layout::kChannelsLast)
    throw std::invalid_argument("[scale] expected an f32 tensor, channels last");
  float* y = t.data();
  for_blocks(t.shape.count(), [&](int64_t first, int64_t last) { scale_range(y + first, last - first, factor); });
}

void CpuBackend::dropout(const Tensor& x, float p, uint64_t seed, Tensor& y) {
  if (!(p >= 0 && p < 1)) throw std::invalid_argument("[dropout] expected 0 <= p < 1, got " + std::to_string(p));
  if (x.layout != Layout::kChannelsLast)
    throw std::invalid_argument("[dropout] expected a channels-last tensor, shape " + x.shape.text());
  const Tensor source = x;
  resize(y, source.shape, source.dtype);
  const uint32_t threshold = dropout_threshold(p);
  const float factor = 1 / (1 - p);
  const auto run = [&](const auto* from, auto* to) {
    for_blocks(source.shape.count(),
               [&](int64_t first, int64_t last) { dropout_range(from, to, first, last, seed, threshold, factor); });
  };
  if (source.dtype == DType::bf16)
    run(source.data<uint16_t>(), y.data<uint16_t>());
  else
    run(source.data(), y.data());
}

}  // namespace avsr::backend::cpu
