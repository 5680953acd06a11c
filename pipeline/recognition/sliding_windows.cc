#include "pipeline/recognition/sliding_windows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace avsr::pipeline {

void WindowSettings::validate() const {
  if (window_frames < 1 || hop_frames < 1 || batch < 1 || labels < 1)
    throw std::invalid_argument(fmt::format("[windows] window {}, hop {}, batch {}, labels {}: all must be positive",
                                            window_frames, hop_frames, batch, labels));
  if (!video && !audio) throw std::invalid_argument("[windows] neither video nor audio is wanted");
}

SlidingWindows::SlidingWindows(const WindowSettings& settings, ClassifyWindows classify)
    : settings_(settings), classify_(std::move(classify)) {
  settings_.validate();
}

double SlidingWindows::start_seconds(int window) const {
  const double middle = static_cast<double>(window) * settings_.hop_frames + 0.5;
  return single_ ? 0 : std::max(0., middle - 0.5 * settings_.hop_frames) / io::kFramesPerSecond;
}

double SlidingWindows::end_seconds(int window) const {
  const double middle = static_cast<double>(window) * settings_.hop_frames + 0.5, end = static_cast<double>(frames_);
  return (single_ ? end : std::min(end, middle + 0.5 * settings_.hop_frames)) / io::kFramesPerSecond;
}

void SlidingWindows::push(int frames, const io::Frames& mouth, std::span<const uint8_t> face,
                          std::span<const float> audio) {
  if (settings_.video && (mouth.count != frames || static_cast<int>(face.size()) != frames))
    throw std::invalid_argument(fmt::format("[windows] expected {} crops, got {}", frames, mouth.count));
  if (settings_.audio && audio.size() != static_cast<size_t>(frames) * io::kSamplesPerFrame)
    throw std::invalid_argument(
        fmt::format("[windows] expected {} samples, got {}", frames * io::kSamplesPerFrame, audio.size()));
  if (settings_.video) {
    height_ = mouth.height;
    width_ = mouth.width;
    pixels_.insert(pixels_.end(), mouth.pixels.begin(), mouth.pixels.end());
    face_.insert(face_.end(), face.begin(), face.end());
  }
  if (settings_.audio) samples_.insert(samples_.end(), audio.begin(), audio.end());
  frames_ += frames;
  make_windows(false);
}

void SlidingWindows::finish() {
  single_ = frames_ > 0 && frames_ <= settings_.window_frames;
  if (single_)
    make_window(frames_ / 2);
  else
    make_windows(true);
  classify_batch();
}

void SlidingWindows::make_windows(bool at_end) {
  if (frames_ <= settings_.window_frames) return;  // it may stay that short
  const int half = settings_.window_frames / 2;
  for (; next_ < frames_ && (at_end || next_ + half < frames_); next_ += settings_.hop_frames) make_window(next_);
  drop_old();
}

void SlidingWindows::make_window(int64_t middle) {
  const int64_t window = single_ ? 0 : middle / settings_.hop_frames;
  if (present(middle)) {
    batch_.push_back(cut(middle));
    batch_windows_.push_back(window);
  }
  probabilities_.resize(static_cast<size_t>(window + 1) * settings_.labels, 0.f);
  if (static_cast<int>(batch_.size()) == settings_.batch) classify_batch();
}

bool SlidingWindows::present(int64_t middle) const {
  if (settings_.video && !face_[middle - first_]) return false;
  if (!settings_.audio) return true;
  const int sixth = std::max(1, settings_.window_frames / 6);
  const int64_t from = std::max(first_, middle - sixth), to = std::min(frames_, middle + sixth + 1);
  double energy = 0;
  for (int64_t s = (from - first_) * io::kSamplesPerFrame; s < (to - first_) * io::kSamplesPerFrame; ++s)
    energy += static_cast<double>(samples_[s]) * samples_[s];
  return std::sqrt(energy / static_cast<double>((to - from) * io::kSamplesPerFrame)) >= settings_.silence_rms;
}

Stretch SlidingWindows::cut(int64_t middle) const {
  Stretch stretch;
  const int length = settings_.window_frames;
  const int64_t start = middle - length / 2;
  if (settings_.video) {
    io::Frames& mouth = stretch.mouth;
    mouth.count = length;
    mouth.height = height_;
    mouth.width = width_;
    mouth.pixels.resize(length * mouth.frame_size());
    for (int t = 0; t < length; ++t) {
      const int64_t source = std::clamp<int64_t>(start + t, 0, frames_ - 1) - first_;
      std::copy_n(pixels_.data() + source * mouth.frame_size(), mouth.frame_size(), mouth.frame(t));
    }
  }
  if (settings_.audio) {
    stretch.audio.samples.assign(static_cast<size_t>(length) * io::kSamplesPerFrame, 0.f);
    const int64_t from = std::max<int64_t>(start, 0), to = std::min(start + length, frames_);
    std::copy_n(samples_.data() + (from - first_) * io::kSamplesPerFrame, (to - from) * io::kSamplesPerFrame,
                stretch.audio.samples.data() + (from - start) * io::kSamplesPerFrame);
  }
  return stretch;
}

void SlidingWindows::classify_batch() {
  if (batch_.empty()) return;
  const std::vector<float> rows = classify_(batch_);
  const size_t labels = settings_.labels;
  if (rows.size() != batch_.size() * labels)
    throw std::logic_error(fmt::format("[windows] {} probabilities for {} windows", rows.size(), batch_.size()));
  for (size_t i = 0; i < batch_.size(); ++i)
    std::copy_n(rows.data() + i * labels, labels, probabilities_.data() + batch_windows_[i] * labels);
  batch_.clear();
  batch_windows_.clear();
}

// Frames before the next window are not needed any more; they are dropped a second at a time, since erasing moves the
// rest.
void SlidingWindows::drop_old() {
  const int64_t needed = std::max<int64_t>(0, next_ - settings_.window_frames / 2);
  const int64_t old = std::min(needed, frames_) - first_;
  if (old < static_cast<int64_t>(io::kFramesPerSecond)) return;
  if (settings_.video) {
    pixels_.erase(pixels_.begin(), pixels_.begin() + old * height_ * width_);
    face_.erase(face_.begin(), face_.begin() + old);
  }
  if (settings_.audio) samples_.erase(samples_.begin(), samples_.begin() + old * io::kSamplesPerFrame);
  first_ += old;
}

}  // namespace avsr::pipeline
