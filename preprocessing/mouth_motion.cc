#include "preprocessing/mouth_motion.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "preprocessing/mean_face.h"

namespace avsr::preprocessing {
namespace {

constexpr int kSamplesPerBlock = io::kSamplesPerFrame / kBlocksPerFrame;
constexpr float kFloor = 9;  // natural logarithm of energy: 39 dB

// The lips and the chin below them, in crops of kMeanFaceSize.
constexpr double kTop = 30, kBottom = 75, kLeft = 20, kRight = 76;

}  // namespace

std::optional<float> MouthMotion::push(const MouthFrame& frame) {
  if (!frame.face) {
    last_.clear();
    return std::nullopt;
  }
  std::optional<float> motion;
  if (!frame.new_shot && frame.index == last_index_ + 1 && last_.size() == frame.crop.size()) {
    const auto pixel = [&](double at) { return static_cast<int>(at * size_ / kMeanFaceSize); };
    int64_t sum = 0;
    for (int y = pixel(kTop); y < pixel(kBottom); ++y)
      for (int x = pixel(kLeft); x < pixel(kRight); ++x)
        sum += std::abs(int{frame.crop[static_cast<size_t>(y * size_ + x)]} -
                        int{last_[static_cast<size_t>(y * size_ + x)]});
    const int area = (pixel(kBottom) - pixel(kTop)) * (pixel(kRight) - pixel(kLeft));
    motion = std::log1p(static_cast<float>(sum) / static_cast<float>(std::max(1, area)));
  }
  last_ = frame.crop;
  last_index_ = frame.index;
  return motion;
}

void SoundEnergy::push(std::span<const float> samples) {
  for (const float sample : samples) {
    sum_ += static_cast<double>(sample) * sample;
    if (++samples_ < kSamplesPerBlock) continue;
    blocks_.push_back(static_cast<float>(sum_ / kSamplesPerBlock));
    sum_ = 0;
    samples_ = 0;
  }
}

void SoundEnergy::drop_before(int64_t block) {
  for (; first_ < block && !blocks_.empty(); ++first_) blocks_.pop_front();
}

std::vector<float> loudness(const SoundEnergy& energy, int64_t first, int count) {
  std::vector<float> level(static_cast<size_t>(count));
  float loudest = 1e-9f;
  for (int i = 0; i < count; ++i) {
    double sum = 0;
    for (int64_t block = first + i; block < first + i + kBlocksPerFrame; ++block)
      if (block >= energy.first() && block < energy.end()) sum += energy.at(block);
    level[static_cast<size_t>(i)] = static_cast<float>(sum / kBlocksPerFrame);
    loudest = std::max(loudest, level[static_cast<size_t>(i)]);
  }
  const float least = loudest * std::exp(-kFloor);
  for (float& value : level) value = std::log(std::max(value, least));
  return level;
}

double correlation(std::span<const std::optional<float>> motion, std::span<const float> level, int fewest) {
  double n = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;
  for (size_t i = 0; i < motion.size() && i * kBlocksPerFrame < level.size(); ++i) {
    if (!motion[i]) continue;
    const double a = *motion[i], b = level[i * kBlocksPerFrame];
    ++n, x += a, y += b, xx += a * a, yy += b * b, xy += a * b;
  }
  if (n < std::max(2, fewest)) return 0;
  const double vx = xx - x * x / n, vy = yy - y * y / n;
  if (vx < 1e-3 * n || vy < 1e-2 * n) return 0;
  return (xy - x * y / n) / std::sqrt(vx * vy);
}

}  // namespace avsr::preprocessing
