#include "pipeline/data/mixup.h"

#include <algorithm>
#include <cmath>

namespace avsr::pipeline {
namespace {

constexpr int kUnit = 1 << 16;  // pixels are mixed in whole numbers of 1 / kUnit

int whole_share(float share) { return static_cast<int>(std::lround(share * kUnit)); }

uint8_t mixed(uint8_t own, uint8_t other, float share) {
  const int weight = whole_share(share);
  return static_cast<uint8_t>((own * weight + other * (kUnit - weight) + kUnit / 2) / kUnit);
}
float mixed(float own, float other, float share) { return share * own + (1 - share) * other; }

// values: (B, T, …), whose clips have these valid steps.
template <typename T>
void mix_values(const std::vector<MixedWith>& with, const std::vector<int>& frames, int steps, std::vector<T>& values) {
  if (values.empty()) return;
  const std::vector<T> before = values;
  const size_t step = values.size() / with.size() / static_cast<size_t>(steps);
  for (size_t b = 0; b < with.size(); ++b) {
    const auto other = static_cast<size_t>(with[b].clip);
    const int later = (frames[other] - frames[b]) / 2;  // the other's step at this clip's step 0
    for (int t = std::max(0, -later); t < std::min(frames[b], frames[other] - later); ++t) {
      const size_t to = (b * static_cast<size_t>(steps) + static_cast<size_t>(t)) * step,
                   from = (other * static_cast<size_t>(steps) + static_cast<size_t>(t + later)) * step;
      for (size_t i = 0; i < step; ++i) values[to + i] = mixed(before[to + i], before[from + i], with[b].share);
    }
  }
}

}  // namespace

float draw_share(double alpha, preprocessing::Random random) {
  while (true) {
    const double x = std::pow(random.uniform(), 1 / alpha), y = std::pow(random.uniform(), 1 / alpha);
    if (x + y > 1 || x + y <= 0) continue;  // both may be too small for a double
    return static_cast<float>(std::max(x, y) / (x + y));
  }
}

void mix(const std::vector<MixedWith>& with, HostBatch& batch) {
  mix_values(with, batch.frames, batch.steps, batch.video);
  mix_values(with, batch.frames, batch.steps, batch.video_features);
  mix_values(with, batch.frames, batch.steps, batch.audio);
  mix_values(with, batch.frames, batch.steps, batch.word_boundary);
  for (const MixedWith& one : with) {
    batch.second_labels.push_back(batch.labels[static_cast<size_t>(one.clip)]);
    batch.own_share.push_back(one.share);
  }
}

}  // namespace avsr::pipeline
