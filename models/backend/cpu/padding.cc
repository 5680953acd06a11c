// Data movement between packed, padded and joined tensors, and means over time.
#include <cstring>
#include <numeric>

#include "models/backend/cpu/cpu_backend.h"
#include "models/backend/cpu/loops.h"

namespace avsr::backend::cpu {
namespace {

// Runs of elements of one type, counted in elements.
class Elements {
 public:
  explicit Elements(const Tensor& t)
      : data_(static_cast<std::byte*>(t.data<void>())), size_(static_cast<int64_t>(bytes_of(t.dtype))) {}
  void copy(int64_t at, const Elements& from, int64_t from_at, int64_t count) const {
    if (count > 0) std::memcpy(data_ + at * size_, from.data_ + from_at * size_, static_cast<size_t>(count * size_));
  }
  void zero(int64_t at, int64_t count) const {
    if (count > 0) std::memset(data_ + at * size_, 0, static_cast<size_t>(count * size_));
  }

 private:
  std::byte* data_;
  int64_t size_;
};

// Clip b holds rows [starts[b], starts[b + 1]) of the packed tensor.
std::vector<int64_t> starts_of(const Lengths& lengths) {
  std::vector<int64_t> starts(lengths.size() + 1, 0);
  std::partial_sum(lengths.begin(), lengths.end(), starts.begin() + 1, std::plus<int64_t>());
  return starts;
}

}  // namespace

void CpuBackend::concatenate(const Tensor& a, const Tensor& b, Tensor& y) {
  check_channels_last("concatenate", a, 1);
  check_channels_last("concatenate", b, 1);
  if (a.dtype != b.dtype) {
    Tensor f32_a, f32_b;
    return concatenate(as(DType::f32, a, f32_a), as(DType::f32, b, f32_b), y);
  }
  const int64_t ca = a.shape.back(), cb = b.shape.back(), rows = a.shape.count() / ca;
  check_shape("concatenate", "a second tensor", b.shape, with_columns(a.shape, cb));
  resize(y, with_columns(a.shape, ca + cb), a.dtype);
  const Elements from_a(a), from_b(b), to(y);
  for (int64_t r = 0; r < rows; ++r) {
    to.copy(r * (ca + cb), from_a, r * ca, ca);
    to.copy(r * (ca + cb) + ca, from_b, r * cb, cb);
  }
}

void CpuBackend::split(const Tensor& y, int64_t first_columns, Tensor& a, Tensor& b) {
  check_channels_last("split", y, 1);
  const int64_t columns = y.shape.back(), rest = columns - first_columns, rows = y.shape.count() / columns;
  if (first_columns <= 0 || rest <= 0)
    throw std::invalid_argument("[split] cannot take " + std::to_string(first_columns) + " columns of shape " +
                                y.shape.text());
  resize(a, with_columns(y.shape, first_columns), y.dtype);
  resize(b, with_columns(y.shape, rest), y.dtype);
  const Elements from(y), to_a(a), to_b(b);
  for (int64_t r = 0; r < rows; ++r) {
    to_a.copy(r * first_columns, from, r * columns, first_columns);
    to_b.copy(r * rest, from, r * columns + first_columns, rest);
  }
}

void CpuBackend::pad(const Tensor& packed, const Lengths& given, int64_t steps, Tensor& padded) {
  check_channels_last("pad", packed, 2);
  const int64_t frames = packed.shape[0], columns = packed.shape.count() / std::max<int64_t>(frames, 1);
  const Lengths lengths = given.empty() ? Lengths(static_cast<size_t>(frames / steps), static_cast<int>(steps)) : given;
  const auto batch = static_cast<int64_t>(lengths.size());
  check_lengths("pad", lengths, batch, steps);
  const std::vector<int64_t> starts = starts_of(lengths);
  if (starts.back() != frames)
    throw std::invalid_argument("[pad] expected " + std::to_string(starts.back()) + " packed frames, got shape " +
                                packed.shape.text());
  resize(padded, {batch, steps, columns}, packed.dtype);
  const Elements from(packed), to(padded);
  for (int64_t b = 0; b < batch; ++b) {
    const auto clip = static_cast<size_t>(b);
    const int64_t start = b * steps * columns, count = lengths[clip] * columns;
    to.copy(start, from, starts[clip] * columns, count);
    to.zero(start + count, steps * columns - count);
  }
}

void CpuBackend::pack(const Tensor& padded, const Lengths& given, Tensor& packed) {
  check_channels_last("pack", padded, 3);
  const int64_t batch = padded.shape[0], steps = padded.shape[1], columns = padded.shape.count() / (batch * steps);
  const Lengths lengths = given.empty() ? Lengths(static_cast<size_t>(batch), static_cast<int>(steps)) : given;
  check_lengths("pack", lengths, batch, steps);
  const std::vector<int64_t> starts = starts_of(lengths);
  resize(packed, {starts.back(), columns}, padded.dtype);
  const Elements from(padded), to(packed);
  for (int64_t b = 0; b < batch; ++b) {
    const auto clip = static_cast<size_t>(b);
    to.copy(starts[clip] * columns, from, b * steps * columns, lengths[clip] * columns);
  }
}

void CpuBackend::mask(Tensor& t, const Lengths& lengths) {
  const size_t rank = t.shape.rank();
  if (rank != 3 && !(rank == 4 && t.shape[1] == 1))
    throw std::invalid_argument("[mask] expected (B, T, C) or (B, 1, W, C), got " + t.shape.text());
  const ChannelView v = view(t);
  check_lengths("mask", lengths, v.outer, v.steps);
  const Elements to(t);
  for (int64_t n = 0; n < v.outer; ++n) {
    const int64_t length = lengths[static_cast<size_t>(n)];
    for (int64_t block = 0; block < v.blocks; ++block)
      to.zero(((n * v.blocks + block) * v.steps + length) * v.width, (v.steps - length) * v.width);
  }
}

void CpuBackend::mean_over_time(const Tensor& x, const Lengths* lengths, Tensor& y) {
  check_channels_last("mean over time", x, 3);
  const int64_t batch = x.shape[0], steps = x.shape[1], columns = x.shape.count() / std::max<int64_t>(batch * steps, 1);
  if (lengths) check_lengths("mean over time", *lengths, batch, steps);
  Tensor converted;
  const Tensor& values = as(DType::f32, x, converted);
  resize(y, {batch, columns});
  for (int64_t b = 0; b < batch; ++b) {
    const int64_t valid = lengths ? (*lengths)[static_cast<size_t>(b)] : steps;
    float* mean = y.data() + b * columns;
    zero_floats(mean, columns);
    add_rows(values.data() + b * steps * columns, valid, columns, mean);
    for (int64_t c = 0; c < columns && valid > 0; ++c) mean[c] /= static_cast<float>(valid);
  }
}

void CpuBackend::mean_over_time_backward(const Tensor& dy, const Lengths* lengths, int64_t steps, Tensor& dx) {
  check_channels_last("mean over time", dy, 2);
  const int64_t batch = dy.shape[0], columns = dy.shape[1];
  if (lengths) check_lengths("mean over time", *lengths, batch, steps);
  Tensor converted;
  const Tensor& gradient = as(DType::f32, dy, converted);
  resize(dx, {batch, steps, columns});
  for (int64_t b = 0; b < batch; ++b) {
    const int64_t valid = lengths ? (*lengths)[static_cast<size_t>(b)] : steps;
    const float* from = gradient.data() + b * columns;
    float* to = dx.data() + b * steps * columns;
    for (int64_t t = 0; t < valid; ++t)
      for (int64_t c = 0; c < columns; ++c) to[t * columns + c] = from[c] / static_cast<float>(valid);
    zero_floats(to + valid * columns, (steps - valid) * columns);
  }
}

}  // namespace avsr::backend::cpu
