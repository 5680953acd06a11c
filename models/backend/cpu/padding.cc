// Data movement between packed, padded and joined tensors, and means over time.
#include <numeric>

#include "models/backend/cpu/cpu_backend.h"
#include "models/backend/cpu/loops.h"

namespace avsr::backend::cpu {
namespace {

Shape with_columns(const Shape& shape, int64_t columns) {
  Shape other = shape;
  other[shape.rank() - 1] = columns;
  return other;
}

void check_channels_last(const char* operation, const Tensor& t, size_t least_rank) {
  if (t.layout == Layout::kChannelsLast && t.dtype == DType::f32 && t.shape.rank() >= least_rank) return;
  throw std::invalid_argument("[" + std::string(operation) + "] expected a channels-last f32 tensor of rank " +
                              std::to_string(least_rank) + " or more, got shape " + t.shape.text());
}

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
  const int64_t ca = a.shape.back(), cb = b.shape.back(), rows = a.shape.count() / ca;
  check_shape("concatenate", "a second tensor", b.shape, with_columns(a.shape, cb));
  resize(y, with_columns(a.shape, ca + cb));
  const float *pa = a.data(), *pb = b.data();
  float* py = y.data();
  for (int64_t r = 0; r < rows; ++r) {
    copy_floats(pa + r * ca, py + r * (ca + cb), ca);
    copy_floats(pb + r * cb, py + r * (ca + cb) + ca, cb);
  }
}

void CpuBackend::split(const Tensor& y, int64_t first_columns, Tensor& a, Tensor& b) {
  check_channels_last("split", y, 1);
  const int64_t columns = y.shape.back(), rest = columns - first_columns, rows = y.shape.count() / columns;
  if (first_columns <= 0 || rest <= 0)
    throw std::invalid_argument("[split] cannot take " + std::to_string(first_columns) + " columns of shape " +
                                y.shape.text());
  resize(a, with_columns(y.shape, first_columns));
  resize(b, with_columns(y.shape, rest));
  const float* py = y.data();
  for (int64_t r = 0; r < rows; ++r) {
    copy_floats(py + r * columns, a.data() + r * first_columns, first_columns);
    copy_floats(py + r * columns + first_columns, b.data() + r * rest, rest);
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
  resize(padded, {batch, steps, columns});
  for (int64_t b = 0; b < batch; ++b) {
    const auto clip = static_cast<size_t>(b);
    float* to = padded.data() + b * steps * columns;
    copy_floats(packed.data() + starts[clip] * columns, to, lengths[clip] * columns);
    zero_floats(to + lengths[clip] * columns, (steps - lengths[clip]) * columns);
  }
}

void CpuBackend::pack(const Tensor& padded, const Lengths& given, Tensor& packed) {
  check_channels_last("pack", padded, 3);
  const int64_t batch = padded.shape[0], steps = padded.shape[1], columns = padded.shape.count() / (batch * steps);
  const Lengths lengths = given.empty() ? Lengths(static_cast<size_t>(batch), static_cast<int>(steps)) : given;
  check_lengths("pack", lengths, batch, steps);
  const std::vector<int64_t> starts = starts_of(lengths);
  resize(packed, {starts.back(), columns});
  for (int64_t b = 0; b < batch; ++b) {
    const auto clip = static_cast<size_t>(b);
    copy_floats(padded.data() + b * steps * columns, packed.data() + starts[clip] * columns, lengths[clip] * columns);
  }
}

void CpuBackend::mask(Tensor& t, const Lengths& lengths) {
  const size_t rank = t.shape.rank();
  if (rank != 3 && !(rank == 4 && t.shape[1] == 1))
    throw std::invalid_argument("[mask] expected (B, T, C) or (B, 1, W, C), got " + t.shape.text());
  const ChannelView v = view(t);
  check_lengths("mask", lengths, v.outer, v.steps);
  float* data = t.data();
  for (int64_t n = 0; n < v.outer; ++n) {
    const int64_t length = lengths[static_cast<size_t>(n)];
    for (int64_t block = 0; block < v.blocks; ++block)
      zero_floats(data + ((n * v.blocks + block) * v.steps + length) * v.width, (v.steps - length) * v.width);
  }
}

void CpuBackend::mean_over_time(const Tensor& x, const Lengths* lengths, Tensor& y) {
  check_channels_last("mean over time", x, 3);
  const int64_t batch = x.shape[0], steps = x.shape[1], columns = x.shape.count() / std::max<int64_t>(batch * steps, 1);
  if (lengths) check_lengths("mean over time", *lengths, batch, steps);
  resize(y, {batch, columns});
  for (int64_t b = 0; b < batch; ++b) {
    const int64_t valid = lengths ? (*lengths)[static_cast<size_t>(b)] : steps;
    float* mean = y.data() + b * columns;
    zero_floats(mean, columns);
    add_rows(x.data() + b * steps * columns, valid, columns, mean);
    for (int64_t c = 0; c < columns && valid > 0; ++c) mean[c] /= static_cast<float>(valid);
  }
}

void CpuBackend::mean_over_time_backward(const Tensor& dy, const Lengths* lengths, int64_t steps, Tensor& dx) {
  check_channels_last("mean over time", dy, 2);
  const int64_t batch = dy.shape[0], columns = dy.shape[1];
  if (lengths) check_lengths("mean over time", *lengths, batch, steps);
  resize(dx, {batch, steps, columns});
  for (int64_t b = 0; b < batch; ++b) {
    const int64_t valid = lengths ? (*lengths)[static_cast<size_t>(b)] : steps;
    const float* from = dy.data() + b * columns;
    float* to = dx.data() + b * steps * columns;
    for (int64_t t = 0; t < valid; ++t)
      for (int64_t c = 0; c < columns; ++c) to[t * columns + c] = from[c] / static_cast<float>(valid);
    zero_floats(to + valid * columns, (steps - valid) * columns);
  }
}

}  // namespace avsr::backend::cpu
