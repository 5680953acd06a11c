// Data movement between packed, padded and joined tensors, means over time, and the windows of video input.
#include <algorithm>
#include <numeric>

#include "models/backend/checks.h"
#include "models/backend/cuda/cuda_backend.h"
#include "models/backend/cuda/launch.h"

namespace avsr::backend::cuda {
namespace {

// y (rows, first + second) <-> a (rows, first), b (rows, second); an index counts y's elements.
struct Concatenate {
  Elements a, b, y;
  int64_t first, second;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [row, column] = divide(i, first + second);
    y.store(i, column < first ? a.load(row * first + column) : b.load(row * second + column - first));
  }
};

struct Split {
  Elements y, a, b;
  int64_t first, second;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [row, column] = divide(i, first + second);
    if (column < first)
      a.store(row * first + column, y.load(i));
    else
      b.store(row * second + column - first, y.load(i));
  }
};

// An index counts the elements of the padded tensor (B, steps, columns).
struct Pad {
  Elements packed, padded;
  const int *lengths, *starts;
  int64_t steps, columns;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [row, column] = divide(i, columns);
    const auto [clip, step] = divide(row, steps);
    padded.store(i, step < lengths[clip] ? packed.load((starts[clip] + step) * columns + column) : 0.f);
  }
};

struct Pack {
  Elements padded, packed;
  const int *lengths, *starts;
  int64_t steps, columns;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [row, column] = divide(i, columns);
    const auto [clip, step] = divide(row, steps);
    if (step < lengths[clip]) packed.store((starts[clip] + step) * columns + column, padded.load(i));
  }
};

struct Mask {
  Elements t;
  const int* lengths;
  int64_t steps, columns;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [clip, step] = divide(divide(i, columns).whole, steps);
    if (step >= lengths[clip]) t.store(i, 0);
  }
};

// lengths: null when all steps are valid. An index counts (clip, column).
struct MeanOverTime {
  Elements x, y;
  const int* lengths;
  int64_t steps, columns;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [clip, column] = divide(i, columns);
    const int64_t valid = lengths ? lengths[clip] : steps;
    float sum = 0;
    for (int64_t t = 0; t < valid; ++t) sum += x.load((clip * steps + t) * columns + column);
    y.store(i, valid > 0 ? sum / static_cast<float>(valid) : 0.f);
  }
};

struct MeanOverTimeBackward {
  Elements dy, dx;
  const int* lengths;
  int64_t steps, columns;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [row, column] = divide(i, columns);
    const auto [clip, step] = divide(row, steps);
    const int64_t valid = lengths ? lengths[clip] : steps;
    dx.store(i, step < valid ? dy.load(clip * columns + column) / static_cast<float>(valid) : 0.f);
  }
};

// An index counts (clip, step, depth, pixel).
struct TimeWindows {
  const uint8_t* frames;
  const float *scale, *shift, *mean;  // mean: null or (H, W)
  const int *lengths, *starts;
  int64_t steps, pixels;
  int depth;
  Elements y;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [plane, pixel] = divide(i, pixels);
    const auto [frame, d] = divide(plane, depth);
    const auto [clip, step] = divide(frame, steps);
    if (step >= lengths[clip]) return;
    const int64_t t = step + d - depth / 2;
    float value = 0;  // beyond the clip, as the zero padding of a 3-D convolution over normalised frames
    if (t >= 0 && t < lengths[clip]) {
      value = static_cast<float>(frames[(clip * steps + t) * pixels + pixel]);
      if (mean) value -= mean[pixel];
      value = value * scale[clip] + shift[clip];
    }
    y.store(((starts[clip] + step) * depth + d) * pixels + pixel, value);
  }
};

}  // namespace

void CudaBackend::concatenate(const Tensor& a, const Tensor& b, Tensor& y) {
  check_channels_last("concatenate", a, 1);
  check_channels_last("concatenate", b, 1);
  const int64_t first = a.shape.back(), second = b.shape.back();
  check_shape("concatenate", "a second tensor", b.shape, with_columns(a.shape, second));
  resize(y, with_columns(a.shape, first + second), a.dtype);
  launch(*stream_, y.shape.count(), Concatenate{Elements(a), Elements(b), Elements(y), first, second});
}

void CudaBackend::split(const Tensor& y, int64_t first_columns, Tensor& a, Tensor& b) {
  check_channels_last("split", y, 1);
  const int64_t rest = y.shape.back() - first_columns;
  if (first_columns <= 0 || rest <= 0)
    reject("split", {"cannot take ", std::to_string(first_columns), " columns of shape ", y.shape.text()});
  resize(a, with_columns(y.shape, first_columns), y.dtype);
  resize(b, with_columns(y.shape, rest), y.dtype);
  launch(*stream_, y.shape.count(), Split{Elements(y), Elements(a), Elements(b), first_columns, rest});
}

void CudaBackend::pad(const Tensor& packed, const Lengths& given, int64_t steps, Tensor& padded) {
  check_channels_last("pad", packed, 2);
  const int64_t frames = packed.shape[0], columns = packed.shape.count() / std::max<int64_t>(frames, 1);
  const Lengths lengths = given.empty() ? Lengths(static_cast<size_t>(frames / steps), static_cast<int>(steps)) : given;
  const auto batch = static_cast<int64_t>(lengths.size());
  check_lengths("pad", lengths, batch, steps);
  const int64_t valid = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  if (valid != frames)
    reject("pad", {"expected ", std::to_string(valid), " packed frames, got shape ", packed.shape.text()});
  resize(padded, {batch, steps, columns}, packed.dtype);
  launch(*stream_, padded.shape.count(),
         Pad{Elements(packed), Elements(padded), on_device(lengths), starts_on_device(lengths), steps, columns});
}

void CudaBackend::pack(const Tensor& padded, const Lengths& given, Tensor& packed) {
  check_channels_last("pack", padded, 3);
  const int64_t batch = padded.shape[0], steps = padded.shape[1], columns = padded.shape.count() / (batch * steps);
  const Lengths lengths = given.empty() ? Lengths(static_cast<size_t>(batch), static_cast<int>(steps)) : given;
  check_lengths("pack", lengths, batch, steps);
  const int64_t valid = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  resize(packed, {valid, columns}, padded.dtype);
  launch(*stream_, padded.shape.count(),
         Pack{Elements(padded), Elements(packed), on_device(lengths), starts_on_device(lengths), steps, columns});
}

void CudaBackend::mask(Tensor& t, const Lengths& lengths) {
  const size_t rank = t.shape.rank();
  if (rank != 3 && !(rank == 4 && t.shape[1] == 1))
    reject("mask", {"expected (B, T, C) or (B, 1, W, C), got ", t.shape.text()});
  const int64_t steps = t.shape[rank - 2];
  check_lengths("mask", lengths, t.shape[0], steps);
  launch(*stream_, t.shape.count(), Mask{Elements(t), on_device(lengths), steps, t.shape.back()});
}

void CudaBackend::mean_over_time(const Tensor& x, const Lengths* lengths, Tensor& y) {
  check_channels_last("mean over time", x, 3);
  const int64_t batch = x.shape[0], steps = x.shape[1], columns = x.shape.count() / std::max<int64_t>(batch * steps, 1);
  if (lengths) check_lengths("mean over time", *lengths, batch, steps);
  resize(y, {batch, columns}, x.dtype);
  launch(*stream_, y.shape.count(),
         MeanOverTime{Elements(x), Elements(y), lengths ? on_device(*lengths) : nullptr, steps, columns});
}

void CudaBackend::mean_over_time_backward(const Tensor& dy, const Lengths* lengths, int64_t steps, Tensor& dx) {
  check_channels_last("mean over time", dy, 2);
  const int64_t batch = dy.shape[0], columns = dy.shape[1];
  if (lengths) check_lengths("mean over time", *lengths, batch, steps);
  resize(dx, {batch, steps, columns}, dy.dtype);
  launch(*stream_, dx.shape.count(),
         MeanOverTimeBackward{Elements(dy), Elements(dx), lengths ? on_device(*lengths) : nullptr, steps, columns});
}

void CudaBackend::time_windows(const Tensor& frames, std::span<const float> scale, std::span<const float> shift,
                               const Tensor& mean_image, const Lengths& given, int depth, Tensor& y) {
  if (frames.dtype != DType::u8 || frames.shape.rank() != 4)
    reject("time windows", {"expected u8 frames (B, T, H, W), got ", frames.shape.text()});
  const int64_t batch = frames.shape[0], steps = frames.shape[1], h = frames.shape[2], w = frames.shape[3];
  const Lengths lengths = given.empty() ? Lengths(static_cast<size_t>(batch), static_cast<int>(steps)) : given;
  check_lengths("time windows", lengths, batch, steps);
  if (static_cast<int64_t>(scale.size()) != batch || static_cast<int64_t>(shift.size()) != batch)
    reject("time windows", {"expected one scale and shift for each of ", std::to_string(batch), " clips"});
  if (depth < 1 || depth % 2 == 0) reject("time windows", {"expected an odd depth, got ", std::to_string(depth)});
  if (!mean_image.empty()) check_shape("time windows", "a mean image", mean_image.shape, {h, w});

  std::vector<float> factors(scale.begin(), scale.end());
  factors.insert(factors.end(), shift.begin(), shift.end());
  auto* of_clips = static_cast<float*>(scratch(Slot::other, factors.size() * sizeof(float)));
  stream_->upload(factors.data(), of_clips, factors.size() * sizeof(float));
  const int64_t valid = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  resize_activation(y, {valid, depth, h, w, 1});
  launch(
      *stream_, batch * steps * depth * h * w,
      TimeWindows{frames.data<uint8_t>(), of_clips, of_clips + batch, mean_image.empty() ? nullptr : mean_image.data(),
                  on_device(lengths), starts_on_device(lengths), steps, h * w, depth, Elements(y)});
}

}  // namespace avsr::backend::cuda
