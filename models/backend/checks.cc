#include "models/backend/checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>

namespace avsr::backend {

void reject(const char* operation, std::initializer_list<std::string_view> parts) {
  throw std::invalid_argument(fmt::format("[{}] {}", operation, fmt::join(parts, "")));
}

void check_lengths(const char* operation, const Lengths& lengths, int64_t batch, int64_t steps) {
  if (static_cast<int64_t>(lengths.size()) != batch)
    throw std::invalid_argument(fmt::format("[{}] expected {} lengths, got {}", operation, batch, lengths.size()));
  for (int length : lengths)
    if (length < 0 || length > steps)
      throw std::invalid_argument(
          fmt::format("[{}] expected lengths of 0 to {} steps, got {}", operation, steps, length));
}

void check_shape(const char* operation, const char* what, const Shape& got, const Shape& expected) {
  if (got != expected)
    throw std::invalid_argument(
        fmt::format("[{}] expected {} of shape {}, got {}", operation, what, expected.text(), got.text()));
}

void check_spec(const CrossEntropySpec& spec) {
  if (!(spec.label_smoothing >= 0 && spec.label_smoothing < 1))
    throw std::invalid_argument(
        fmt::format("[cross entropy] expected 0 <= label smoothing < 1, got {}", spec.label_smoothing));
  if (spec.middle_steps < 0)
    throw std::invalid_argument(
        fmt::format("[cross entropy] expected 0 or more middle steps, got {}", spec.middle_steps));
}

void check_channels_last(const char* operation, const Tensor& t, size_t least_rank) {
  if (t.layout != Layout::kChannelsLast || t.dtype == DType::u8 || t.shape.rank() < least_rank)
    throw std::invalid_argument(
        fmt::format("[{}] expected a channels-last f32 or bf16 tensor of rank {} or more, got shape {}", operation,
                    least_rank, t.shape.text()));
}

Shape with_columns(const Shape& shape, int64_t columns) {
  Shape other = shape;
  other[shape.rank() - 1] = columns;
  return other;
}

Shape conv_output_shape(const ConvSpec& spec, const Shape& x) {
  if (x.rank() < 4 || x.rank() > 5 || x.back() != spec.in_channels)
    throw std::invalid_argument(
        fmt::format("[conv] expected x (N, [D,] H, W, {}), got {}", spec.in_channels, x.text()));
  if (x.rank() == 4 && spec.kernel[0] != 1)
    throw std::invalid_argument("[conv] a 3-D kernel wants x (N, D, H, W, C), got " + x.text());
  Shape y = x;
  for (size_t axis = 1; axis + 1 < x.rank(); ++axis) {
    const size_t i = x.rank() == 5 ? axis - 1 : axis;  // of the depth, height, width triples
    y[axis] = (x[axis] + 2 * spec.padding[i] - spec.reach(i)) / spec.stride[i] + 1;
    if (x[axis] + 2 * spec.padding[i] < spec.reach(i))
      throw std::invalid_argument(
          fmt::format("[conv] x {} is smaller than the kernel of {} on axis {}", x.text(), spec.reach(i), axis));
  }
  y[x.rank() - 1] = spec.out_channels;
  if (x.rank() == 5 && y[1] == 1) y = Shape{y[0], y[2], y[3], y[4]};
  return y;
}

Shape pool_output_shape(const PoolSpec& spec, const Shape& x) {
  if (x.rank() != 4) throw std::invalid_argument("[pool] expected x (N, H, W, C), got " + x.text());
  Shape y = x;
  for (size_t i = 0; i < 2; ++i) {
    const int64_t padded = x[i + 1] + 2 * spec.padding[i];
    if (padded < spec.kernel[i])
      throw std::invalid_argument(
          fmt::format("[pool] x {} is smaller than the window of {}", x.text(), spec.kernel[i]));
    y[i + 1] = (padded - spec.kernel[i]) / spec.stride[i] + 1;
  }
  return y;
}

}  // namespace avsr::backend
