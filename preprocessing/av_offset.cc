#include "preprocessing/av_offset.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace avsr::preprocessing {
namespace {

constexpr int kWindow = 75;        // frames
constexpr int kFewestFrames = 45;  // of a window that have motion
constexpr int kReach = 60;         // blocks either way
constexpr int kPeakWidth = 16;     // blocks; what is nearer belongs to the same peak
constexpr int kTrend = 20;         // blocks
constexpr double kBlockSeconds = 1 / (io::kFramesPerSecond * kBlocksPerFrame);

// Where the parabola through three neighbouring values has its peak, from the middle one.
double top_of(double left, double middle, double right) {
  const double bend = left - 2 * middle + right;
  return bend < 0 ? 0.5 * (left - right) / bend : 0;
}

size_t peak_of(const std::vector<double>& values) {
  return static_cast<size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

int distance(size_t a, size_t b) { return static_cast<int>(a > b ? a - b : b - a); }

// Less the mean over kTrend values on each side, the edges repeated: what is left are the narrow peaks.
std::vector<double> without_trend(const std::vector<double>& values) {
  std::vector<double> fine(values);
  const auto count = static_cast<int>(values.size());
  for (int i = 0; i < count; ++i)
    for (int k = i - kTrend; k <= i + kTrend; ++k)
      fine[static_cast<size_t>(i)] -= values[static_cast<size_t>(std::clamp(k, 0, count - 1))] / (2 * kTrend + 1);
  return fine;
}

}  // namespace

OffsetMeter::OffsetMeter(int crop_size) : meter_(crop_size), sums_(2 * kReach + 1, 0.0) {}

void OffsetMeter::push_sound(std::span<const float> samples) {
  energy_.push(samples);
  measure(false);
}

void OffsetMeter::push(const MouthFrame& frame) {
  const int64_t next = first_ + static_cast<int64_t>(motion_.size());
  if (frame.index < next) throw std::invalid_argument("[offset] frames out of order");
  motion_.resize(motion_.size() + static_cast<size_t>(frame.index - next));
  motion_.push_back(meter_.push(frame));
  measure(false);
}

void OffsetMeter::finish() { measure(true); }

void OffsetMeter::measure(bool at_end) {
  const auto ready = [&](int64_t frames) {
    return static_cast<int64_t>(motion_.size()) >= frames &&
           (at_end || energy_.end() >= (first_ + frames) * kBlocksPerFrame + kReach);
  };
  while (ready(kWindow)) measure_window(kWindow);
  if (at_end && ready(kFewestFrames)) measure_window(static_cast<int>(motion_.size()));
}

void OffsetMeter::measure_window(int frames) {
  const std::vector<std::optional<float>> motion(motion_.begin(), motion_.begin() + frames);
  const int64_t start = first_ * kBlocksPerFrame - kReach;
  const std::vector<float> level = loudness(energy_, start, frames * kBlocksPerFrame + 2 * kReach);
  const double middle = correlation(motion, std::span(level).subspan(kReach), kFewestFrames);
  if (middle != 0) {
    for (int offset = 0; offset <= 2 * kReach; ++offset)
      sums_[static_cast<size_t>(offset)] +=
          correlation(motion, std::span(level).subspan(static_cast<size_t>(offset)), kFewestFrames);
    ++windows_;
  }
  motion_.erase(motion_.begin(), motion_.begin() + frames);
  first_ += frames;
  energy_.drop_before(first_ * kBlocksPerFrame - kReach);
}

AvOffset OffsetMeter::result() const {
  AvOffset offset;
  offset.windows = windows_;
  if (windows_ == 0) return offset;
  const size_t peak = peak_of(sums_), last = sums_.size() - 1;
  const bool inside = peak > 0 && peak < last;
  const double refined = inside ? top_of(sums_[peak - 1], sums_[peak], sums_[peak + 1]) : 0;
  offset.best = (static_cast<double>(peak) - kReach + refined) * kBlockSeconds + kMotionLead;
  offset.correlation = sums_[peak] / windows_;
  const std::vector<double> fine = without_trend(sums_);
  const size_t fine_peak = peak_of(fine);
  double elsewhere = fine[fine_peak == 0 ? last : 0];
  for (size_t i = 0; i <= last; ++i)
    if (distance(i, fine_peak) > kPeakWidth) elsewhere = std::max(elsewhere, fine[i]);
  offset.confidence = (fine[fine_peak] - elsewhere) / std::sqrt(windows_);
  const bool one_peak = inside && distance(peak, fine_peak) <= kPeakWidth / 2;
  if (one_peak && windows_ >= kFewestWindows && offset.confidence >= kLeastConfidence) offset.seconds = offset.best;
  return offset;
}

}  // namespace avsr::preprocessing
