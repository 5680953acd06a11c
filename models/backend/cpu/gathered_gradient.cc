#include "models/backend/cpu/gathered_gradient.h"

#include <algorithm>

namespace avsr::backend::cpu {
namespace {

constexpr int64_t kGatheredBytes = int64_t{16} << 20;  // at once: enough products in a row, yet no strain on memory
constexpr int64_t kWidest = 8;                         // Note [Weight gradients over small maps]
constexpr int64_t kFewestChannels = 64;

}  // namespace

bool GatheredGradient::pays(const ConvSpec& spec, const Shape& x, const Shape& y) {
  return !spec.dilated() && x.rank() == 4 && y[1] > 1 && y[2] <= kWidest &&
         std::min(x.back(), y.back()) >= kFewestChannels;
}

GatheredGradient::GatheredGradient(CpuBackend& backend, const ConvSpec& spec, const Shape& x, const Shape& y)
    : backend_(backend), spec_(spec), x_(x), y_(y) {
  const int64_t frame_bytes = y[1] * y[2] * spec.kernel[1] * spec.kernel[2] * x[3] * 2;
  frames_at_once_ = std::clamp<int64_t>(kGatheredBytes / frame_bytes, 1, x[0]);
}

// rows: (frames, H', W', kh, kw, I). The taps of one kernel row are neighbours in x.
void GatheredGradient::gather(const uint16_t* x, int64_t frames, uint16_t* rows) const {
  const int64_t height = x_[1], width = x_[2], channels = x_[3], taps = spec_.kernel[2];
#pragma omp parallel for collapse(2) schedule(static)
  for (int64_t n = 0; n < frames; ++n)
    for (int64_t h = 0; h < y_[1]; ++h) {
      uint16_t* to = rows + (n * y_[1] + h) * y_[2] * spec_.kernel[1] * taps * channels;
      for (int64_t w = 0; w < y_[2]; ++w)
        for (int64_t k = 0; k < spec_.kernel[1]; ++k, to += taps * channels) {
          const int64_t row = h * spec_.stride[1] + k - spec_.padding[1];
          const int64_t start = w * spec_.stride[2] - spec_.padding[2];
          const int64_t first = std::clamp<int64_t>(-start, 0, taps), last = std::clamp(width - start, first, taps);
          if (row < 0 || row >= height || first == last) {
            std::fill_n(to, taps * channels, uint16_t{0});
            continue;
          }
          std::fill_n(to, first * channels, uint16_t{0});
          std::copy_n(x + ((n * height + row) * width + start + first) * channels, (last - first) * channels,
                      to + first * channels);
          std::fill_n(to + last * channels, (taps - last) * channels, uint16_t{0});
        }
    }
}

MatrixProduct& GatheredGradient::product(int64_t rows) {
  using Tag = dnnl::memory::format_tag;
  auto found = products_.find(rows);
  if (found == products_.end())
    found =
        products_
            .emplace(rows, MatrixProduct(backend_, {y_[3], rows, int64_t{spec_.kernel[1]} * spec_.kernel[2] * x_[3]},
                                         Tag::ba, Tag::ab, false, true))
            .first;
  return found->second;
}

void GatheredGradient::add(const uint16_t* x, const uint16_t* dy, float* dw) {
  const int64_t x_frame = x_[1] * x_[2] * x_[3], y_frame = y_[1] * y_[2] * y_[3];
  const auto bytes =
      static_cast<size_t>(frames_at_once_ * y_[1] * y_[2] * spec_.kernel[1] * spec_.kernel[2] * x_[3] * 2);
  auto* rows = static_cast<uint16_t*>(backend_.onednn().scratch(OneDnn::Slot::kInput, bytes));
  for (int64_t first = 0; first < x_[0]; first += frames_at_once_) {
    const int64_t frames = std::min(frames_at_once_, x_[0] - first);
    gather(x + first * x_frame, frames, rows);
    product(frames * y_[1] * y_[2]).run(dy + first * y_frame, rows, nullptr, dw);
  }
}

}  // namespace avsr::backend::cpu
