#include "models/backend/cpu/layout.h"

#include <cstring>
#include <stdexcept>

#include "models/backend/cpu/cpu_backend.h"
#include "models/backend/cpu/loops.h"
#include "models/backend/cpu/simd_kernels.h"

namespace avsr::backend::cpu {

using dnnl::memory;

memory::dims dims_of(const Shape& shape) {
  if (shape.rank() < 4 || shape.rank() > 5)
    throw std::invalid_argument("[cpu] expected a shape (N, H, W, C) or (N, D, H, W, C), got " + shape.text());
  memory::dims dims = shape.sizes();
  const int64_t channels = dims.back();
  dims.pop_back();
  dims.insert(dims.begin() + 1, channels);
  return dims;
}

memory::desc activation_desc(const Shape& shape, Layout layout, int block, DType type) {
  using tag = memory::format_tag;
  const bool three_d = shape.rank() == 5;
  tag format = three_d ? tag::ndhwc : tag::nhwc;
  if (layout == Layout::kPrivate) {
    if (block == 16)
      format = three_d ? tag::nCdhw16c : tag::nChw16c;
    else
      format = three_d ? tag::nCdhw8c : tag::nChw8c;
  } else if (shape.back() == 1 && type == DType::f32) {
    format = three_d ? tag::ncdhw : tag::nchw;  // the same memory, under the name that the fast kernels look for
  }
  return {dims_of(shape), type == DType::bf16 ? memory::data_type::bf16 : memory::data_type::f32, format};
}

memory::desc weights_desc(const Shape& weights, bool three_d) {
  const int64_t out = weights[0], kd = weights[1], kh = weights[2], kw = weights[3], in = weights[4];
  if (three_d)
    return {
        {out, in, kd, kh, kw}, memory::data_type::f32, memory::dims{kd * kh * kw * in, 1, kh * kw * in, kw * in, in}};
  return {{out, in, kh, kw}, memory::data_type::f32, memory::dims{kh * kw * in, 1, kw * in, in}};
}

ChannelView CpuBackend::view(const Tensor& t) const {
  const Shape& s = t.shape;
  if (t.layout == Layout::kPrivate) {
    const int64_t block = channel_block_;
    const int64_t blocks = (s.back() + block - 1) / block;
    return {s[0], blocks, s[0] * s.back() == 0 ? 0 : s.count() / (s[0] * s.back()), block};
  }
  const int64_t channels = s.rank() == 0 ? 1 : s.back();
  const int64_t rows = channels == 0 ? 0 : s.count() / channels;
  if (s.rank() < 3) return {1, 1, rows, channels};
  return {s[0], 1, s[0] == 0 ? 0 : rows / s[0], channels};
}

void CpuBackend::resize_private(Tensor& t, const Shape& shape) {
  if (shape.rank() < 4)
    throw std::invalid_argument("[cpu] a tensor of shape " + shape.text() + " has no private layout");
  const Shape logical = shape;  // `shape` may be t's own, which resize changes
  Shape padded = logical;
  const int64_t block = channel_block_;
  padded[logical.rank() - 1] = (logical.back() + block - 1) / block * block;
  resize(t, padded);
  t.shape = logical;
  t.layout = Layout::kPrivate;
}

void CpuBackend::resize_like(Tensor& y, const Tensor& x) {
  if (x.layout == Layout::kPrivate)
    resize_private(y, x.shape);
  else
    resize(y, x.shape, x.dtype);
}

void CpuBackend::to_private(const Tensor& x, Tensor& y) {
  if (x.dtype != DType::f32) throw std::invalid_argument("[cpu] only f32 tensors have a private layout");
  if (x.layout == Layout::kPrivate) {
    copy(x, y);
    return;
  }
  resize_private(y, x.shape);
  onednn_->reorder(onednn_->memory(activation_desc(x.shape, x.layout, channel_block_), x.data()),
                   onednn_->memory(activation_desc(y.shape, y.layout, channel_block_), y.data()));
}

void CpuBackend::convert(const Tensor& x, DType type, Tensor& y) {
  if (x.dtype == type) return to_channels_last(x, y);
  if (x.dtype == DType::u8 || type == DType::u8)
    throw std::invalid_argument("[cpu] only f32 and bf16 are converted, shape " + x.shape.text());
  Tensor from = x;
  if (x.layout == Layout::kPrivate) to_channels_last(x, from = Tensor{});
  Tensor to = y.buffer == from.buffer ? Tensor{} : y;  // elements of another size cannot change places
  resize(to, from.shape, type);
  const Bf16Kernels& kernels = bf16_kernels();
  for_blocks(from.shape.count(), [&](int64_t first, int64_t last) {
    if (type == DType::bf16)
      kernels.from_f32(from.data() + first, last - first, to.data<uint16_t>() + first);
    else
      kernels.to_f32(from.data<uint16_t>() + first, last - first, to.data() + first);
  });
  y = to;
}

const Tensor& CpuBackend::as(DType type, const Tensor& x, Tensor& converted) {
  if (x.dtype == type && x.layout == Layout::kChannelsLast) return x;
  convert(x, type, converted);
  return converted;
}

void CpuBackend::resize_map(Tensor& t, const Shape& shape) {
  if (precision_ == Precision::bf16)
    resize(t, Shape(shape), DType::bf16);  // a copy: `shape` may be t's own
  else
    resize_private(t, shape);
}

const Tensor& CpuBackend::as_map(const Tensor& x, Tensor& converted) {
  if (x.dtype == map_type() && x.layout == map_layout()) return x;
  if (precision_ == Precision::bf16)
    convert(x, DType::bf16, converted);
  else
    to_private(x, converted);
  return converted;
}

void CpuBackend::to_channels_last(const Tensor& x, Tensor& y) {
  if (x.layout == Layout::kChannelsLast) {
    copy(x, y);
    return;
  }
  Tensor plain = y.buffer == x.buffer ? Tensor{} : y;  // the two layouts cannot share memory
  resize(plain, x.shape);
  download(x, plain.data());
  y = plain;
}

void CpuBackend::upload(const void* host, const Tensor& t) {
  if (t.shape.count() == 0) return;  // host may be null then
  if (t.layout == Layout::kChannelsLast) {
    std::memcpy(t.data<void>(), host, static_cast<size_t>(t.shape.count()) * bytes_of(t.dtype));
    return;
  }
  onednn_->reorder(onednn_->memory(activation_desc(t.shape, Layout::kChannelsLast, channel_block_),
                                   const_cast<void*>(host)),  // only read
                   onednn_->memory(activation_desc(t.shape, t.layout, channel_block_), t.data()));
}

void CpuBackend::download(const Tensor& t, void* host) {
  if (t.shape.count() == 0) return;  // host may be null then
  if (t.layout == Layout::kChannelsLast) {
    std::memcpy(host, t.data<void>(), static_cast<size_t>(t.shape.count()) * bytes_of(t.dtype));
    return;
  }
  onednn_->reorder(onednn_->memory(activation_desc(t.shape, t.layout, channel_block_), t.data()),
                   onednn_->memory(activation_desc(t.shape, Layout::kChannelsLast, channel_block_), host));
}

}  // namespace avsr::backend::cpu
