#include "preprocessing/normalise.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace avsr::preprocessing {
namespace {

constexpr std::pair<PixelNormalisation, const char*> kNames[] = {
    {PixelNormalisation::training_set, "training_set"},
    {PixelNormalisation::min_max, "min_max"},
    {PixelNormalisation::mean_image, "mean_image"},
    {PixelNormalisation::per_clip, "per_clip"},
};

void add_histogram(const io::Frames& frames, uint64_t* histogram) {
  // Four tables, so that runs of equal pixels do not wait for one counter.
  uint32_t part[4][256] = {};
  const size_t count = frames.count * frames.frame_size();
  for (size_t i = 0; i < count; ++i) ++part[i % 4][frames.pixels[i]];
  for (int v = 0; v < 256; ++v) histogram[v] += uint64_t{part[0][v]} + part[1][v] + part[2][v] + part[3][v];
}

PixelStatistics statistics_of(const uint64_t* histogram) {
  PixelStatistics result;
  double count = 0, sum = 0, squares = 0;
  int minimum = -1, maximum = 0;
  for (int v = 0; v < 256; ++v) {
    const auto n = static_cast<double>(histogram[v]);
    if (n == 0) continue;
    count += n;
    sum += n * v;
    squares += n * v * v;
    if (minimum < 0) minimum = v;
    maximum = v;
  }
  const double mean = count > 0 ? sum / count : 0;
  result.mean = mean / 255;
  result.deviation = count > 0 ? std::sqrt(std::max(0.0, squares / count - mean * mean)) / 255 : 0;
  result.minimum = std::max(0, minimum) / 255.0;
  result.maximum = maximum / 255.0;
  return result;
}

double or_one(double deviation) { return deviation > 1e-9 ? deviation : 1; }

template <typename T>
void z_normalise_strided(T* values, size_t count, size_t stride) {
  if (count == 0) return;
  double mean = 0, power = 0;
  for (size_t i = 0; i < count; ++i) mean += values[i * stride];
  mean /= static_cast<double>(count);
  for (size_t i = 0; i < count; ++i) power += (values[i * stride] - mean) * (values[i * stride] - mean);
  const double deviation = or_one(std::sqrt(power / static_cast<double>(count)));
  for (size_t i = 0; i < count; ++i) values[i * stride] = static_cast<T>((values[i * stride] - mean) / deviation);
}

}  // namespace

PixelNormalisation parse_pixel_normalisation(const std::string& name) {
  for (const auto& [kind, text] : kNames) {
    if (name == text) return kind;
  }
  throw std::invalid_argument(
      fmt::format("[normalise] expected training_set, min_max, mean_image or per_clip, got '{}'", name));
}

std::string to_string(PixelNormalisation kind) {
  for (const auto& [known, text] : kNames) {
    if (kind == known) return text;
  }
  throw std::invalid_argument("[normalise] unknown kind of pixel normalisation");
}

void PixelCounter::add(const io::Frames& frames) {
  if (frames.count == 0) return;
  if (keep_mean_image_) {
    if (sums_.empty()) {
      height_ = frames.height;
      width_ = frames.width;
      sums_.assign(frames.frame_size(), 0);
    } else if (frames.height != height_ || frames.width != width_) {
      throw std::invalid_argument(
          fmt::format("[normalise] a mean image needs frames of one size: expected {} x {}, got "
                      "{} x {}",
                      height_, width_, frames.height, frames.width));
    }
    for (int t = 0; t < frames.count; ++t) {
      const uint8_t* frame = frames.frame(t);
      for (size_t i = 0; i < sums_.size(); ++i) sums_[i] += frame[i];
    }
  }
  add_histogram(frames, histogram_);
  frames_ += frames.count;
}

void PixelCounter::merge(const PixelCounter& other) {
  if (other.keep_mean_image_ != keep_mean_image_ ||
      (!sums_.empty() && !other.sums_.empty() && (other.height_ != height_ || other.width_ != width_))) {
    throw std::invalid_argument("[normalise] only counters of one kind and frame size can be merged");
  }
  for (int v = 0; v < 256; ++v) histogram_[v] += other.histogram_[v];
  frames_ += other.frames_;
  if (other.sums_.empty()) return;
  if (sums_.empty()) {
    height_ = other.height_;
    width_ = other.width_;
    sums_.assign(other.sums_.size(), 0);
  }
  for (size_t i = 0; i < sums_.size(); ++i) sums_[i] += other.sums_[i];
}

PixelStatistics PixelCounter::statistics() const {
  if (frames_ == 0) throw std::runtime_error("[normalise] no frames to take statistics of: is the training set empty?");
  PixelStatistics result = statistics_of(histogram_);
  if (keep_mean_image_) {
    result.height = height_;
    result.width = width_;
    for (const uint64_t sum : sums_) {
      result.mean_image.push_back(static_cast<float>(static_cast<double>(sum) / static_cast<double>(frames_) / 255));
    }
  }
  return result;
}

PixelScale pixel_scale(PixelNormalisation kind, const PixelStatistics& statistics, const io::Frames& clip) {
  // (p / 255 - offset) / width = p * 1 / (255 width) - offset / width.
  const auto scale = [](double offset, double width) {
    return PixelScale{static_cast<float>(1 / (255 * width)), static_cast<float>(-offset / width)};
  };
  switch (kind) {
    case PixelNormalisation::training_set:
      return scale(statistics.mean, or_one(statistics.deviation));
    case PixelNormalisation::min_max:
      return scale(statistics.minimum, or_one(statistics.maximum - statistics.minimum));
    case PixelNormalisation::mean_image:
      return scale(0, or_one(statistics.deviation));
    case PixelNormalisation::per_clip: {
      uint64_t histogram[256] = {};
      add_histogram(clip, histogram);
      const PixelStatistics own = statistics_of(histogram);
      return scale(own.mean, or_one(own.deviation));
    }
  }
  throw std::invalid_argument("[normalise] unknown kind of pixel normalisation");
}

std::vector<float> pixel_mean_image(PixelNormalisation kind, const PixelStatistics& statistics, int height, int width) {
  if (kind != PixelNormalisation::mean_image) return {};
  if (statistics.mean_image.size() != static_cast<size_t>(statistics.height) * statistics.width ||
      height > statistics.height || width > statistics.width || height < 1 || width < 1) {
    throw std::invalid_argument(fmt::format("[normalise] expected a mean image of at least {} x {}, got {} x {}",
                                            height, width, statistics.height, statistics.width));
  }
  const int top = (statistics.height - height) / 2, left = (statistics.width - width) / 2;
  std::vector<float> image(static_cast<size_t>(height) * width);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const size_t from = static_cast<size_t>(top + y) * statistics.width + left + x;
      image[static_cast<size_t>(y) * width + x] = 255 * statistics.mean_image[from];
    }
  }
  return image;
}

void z_normalise(std::span<float> values) { z_normalise_strided(values.data(), values.size(), 1); }

void z_normalise(io::Waveform& wave) { z_normalise(std::span<float>(wave.samples)); }

void z_normalise_columns(Features& features) {
  for (int c = 0; c < features.dimension; ++c) {
    z_normalise_strided(features.values.data() + c, features.count, features.dimension);
  }
}

}  // namespace avsr::preprocessing
