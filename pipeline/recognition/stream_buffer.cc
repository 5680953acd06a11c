#include "pipeline/recognition/stream_buffer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace avsr::pipeline {

void StreamBuffer::push(int frames, const io::Frames& mouth, std::span<const uint8_t> face,
                        std::span<const float> audio) {
  if (wanted_.video && (mouth.count != frames || static_cast<int>(face.size()) != frames))
    throw std::invalid_argument(fmt::format("[windows] expected {} crops, got {}", frames, mouth.count));
  if (wanted_.audio && audio.size() != static_cast<size_t>(frames) * io::kSamplesPerFrame)
    throw std::invalid_argument(
        fmt::format("[windows] expected {} samples, got {}", frames * io::kSamplesPerFrame, audio.size()));
  if (wanted_.video) {
    height_ = mouth.height;
    width_ = mouth.width;
    pixels_.insert(pixels_.end(), mouth.pixels.begin(), mouth.pixels.end());
    face_.insert(face_.end(), face.begin(), face.end());
  }
  if (wanted_.audio) samples_.insert(samples_.end(), audio.begin(), audio.end());
  end_ += frames;
}

// A second at a time, since erasing moves the rest.
void StreamBuffer::drop_before(int64_t frame) {
  const int64_t old = std::min(frame, end_) - first_;
  if (old < static_cast<int64_t>(io::kFramesPerSecond)) return;
  if (wanted_.video) {
    pixels_.erase(pixels_.begin(), pixels_.begin() + old * height_ * width_);
    face_.erase(face_.begin(), face_.begin() + old);
  }
  if (wanted_.audio) samples_.erase(samples_.begin(), samples_.begin() + old * io::kSamplesPerFrame);
  first_ += old;
}

double StreamBuffer::rms(int64_t from, int64_t to) const {
  if (!wanted_.audio || from >= to) return 0;
  double energy = 0;
  for (int64_t s = (from - first_) * io::kSamplesPerFrame; s < (to - first_) * io::kSamplesPerFrame; ++s)
    energy += static_cast<double>(samples_[static_cast<size_t>(s)]) * samples_[static_cast<size_t>(s)];
  return std::sqrt(energy / static_cast<double>((to - from) * io::kSamplesPerFrame));
}

Stretch StreamBuffer::cut(int64_t start, int length, Wanted wanted) const {
  Stretch stretch;
  if (wanted.video) {
    io::Frames& mouth = stretch.mouth;
    mouth.count = length;
    mouth.height = height_;
    mouth.width = width_;
    mouth.pixels.resize(static_cast<size_t>(length) * mouth.frame_size());
    for (int t = 0; t < length; ++t) {
      const auto source = static_cast<size_t>(std::clamp<int64_t>(start + t, 0, end_ - 1) - first_);
      std::copy_n(pixels_.data() + source * mouth.frame_size(), mouth.frame_size(), mouth.frame(t));
    }
  }
  if (wanted.audio) {
    stretch.audio.samples.assign(static_cast<size_t>(length) * io::kSamplesPerFrame, 0.f);
    const int64_t from = std::max<int64_t>(start, 0), to = std::min(start + length, end_);
    std::copy_n(samples_.data() + (from - first_) * io::kSamplesPerFrame, (to - from) * io::kSamplesPerFrame,
                stretch.audio.samples.data() + (from - start) * io::kSamplesPerFrame);
  }
  return stretch;
}

}  // namespace avsr::pipeline
