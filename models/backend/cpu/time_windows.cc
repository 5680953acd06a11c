// Video input: windows of neighbouring frames, so that the 3-D convolution runs on valid frames only.
#include <cstring>

#include "models/backend/cpu/cpu_backend.h"
#include "models/backend/cpu/loops.h"

namespace avsr::backend::cpu {
namespace {

AVSR_CLONES void normalise(const uint8_t* frame, int64_t count, float scale, float shift, float* y) {
  for (int64_t i = 0; i < count; ++i) y[i] = static_cast<float>(frame[i]) * scale + shift;
}

AVSR_CLONES void normalise_about(const uint8_t* frame, const float* mean, int64_t count, float scale, float shift,
                                 float* y) {
  for (int64_t i = 0; i < count; ++i) y[i] = (static_cast<float>(frame[i]) - mean[i]) * scale + shift;
}

struct Source {
  int64_t clip, step;
};

}  // namespace

void CpuBackend::time_windows(const Tensor& frames, std::span<const float> scale, std::span<const float> shift,
                              const Tensor& mean_image, const Lengths& given, int depth, Tensor& y) {
  if (frames.dtype != DType::u8 || frames.shape.rank() != 4)
    throw std::invalid_argument("[time windows] expected u8 frames (B, T, H, W), got " + frames.shape.text());
  const int64_t batch = frames.shape[0], steps = frames.shape[1], h = frames.shape[2], w = frames.shape[3];
  const Lengths lengths = given.empty() ? Lengths(static_cast<size_t>(batch), static_cast<int>(steps)) : given;
  check_lengths("time windows", lengths, batch, steps);
  if (static_cast<int64_t>(scale.size()) != batch || static_cast<int64_t>(shift.size()) != batch)
    throw std::invalid_argument("[time windows] expected one scale and shift for each of " + std::to_string(batch) +
                                " clips");
  if (depth < 1 || depth % 2 == 0)
    throw std::invalid_argument("[time windows] expected an odd depth, got " + std::to_string(depth));
  if (!mean_image.empty()) check_shape("time windows", "a mean image", mean_image.shape, {h, w});

  std::vector<Source> sources;
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t t = 0; t < lengths[static_cast<size_t>(b)]; ++t) sources.push_back({b, t});
  const auto count = static_cast<int64_t>(sources.size());
  const int64_t pixels = h * w;
  resize(y, {count, depth, h, w, 1});
  const auto* from = frames.data<uint8_t>();
  const float* mean = mean_image.empty() ? nullptr : mean_image.data();
  float* to = y.data();
#pragma omp parallel for schedule(static)
  for (int64_t n = 0; n < count; ++n) {
    const auto [clip, step] = sources[static_cast<size_t>(n)];
    const auto b = static_cast<size_t>(clip);
    for (int d = 0; d < depth; ++d) {
      const int64_t t = step + d - depth / 2;
      float* window = to + (n * depth + d) * pixels;
      const uint8_t* frame = from + (clip * steps + t) * pixels;
      if (t < 0 || t >= lengths[b])  // as the zero padding of a 3-D convolution over normalised frames
        std::memset(window, 0, static_cast<size_t>(pixels) * sizeof(float));
      else if (mean)
        normalise_about(frame, mean, pixels, scale[b], shift[b], window);
      else
        normalise(frame, pixels, scale[b], shift[b], window);
    }
  }
}

}  // namespace avsr::backend::cpu
