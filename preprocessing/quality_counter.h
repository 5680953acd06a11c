// Counts how tracked crops went, frame by frame.
#pragma once

#include <cstdint>

#include "preprocessing/mouth_crop.h"

namespace avsr::preprocessing {

class QualityCounter {
 public:
  void add(bool face, bool outside);
  io::CropQuality quality(const TrackedCropSettings& settings) const;

 private:
  int64_t frames_ = 0, without_face_ = 0, outside_ = 0;
};

}  // namespace avsr::preprocessing
