#include "pipeline/data/time_crop.h"

#include <algorithm>
#include <cmath>

namespace avsr::pipeline {

TimeCrop draw_time_crop(const WordSpan& word, int frames, int least, preprocessing::Random random) {
  const int latest_first = std::clamp(static_cast<int>(std::floor(word.first)), 0, frames - 1);
  const int earliest_end = std::clamp(static_cast<int>(std::ceil(word.last)), latest_first + 1, frames);
  int first = random.between(0, latest_first), end = random.between(earliest_end, frames);
  first = std::max(0, std::min(first, end - least));
  end = std::min(frames, std::max(end, first + least));
  return {first, end - first};
}

}  // namespace avsr::pipeline
