#include "preprocessing/quality_counter.h"

namespace avsr::preprocessing {

void QualityCounter::add(bool face, bool outside) {
  ++frames_;
  if (!face) ++without_face_;
  if (outside) ++outside_;
}

io::CropQuality QualityCounter::quality(const TrackedCropSettings& settings) const {
  io::CropQuality quality;
  quality.method = "tracked";
  quality.frames = static_cast<int>(frames_);
  quality.frames_without_face = static_cast<int>(without_face_);
  quality.frames_outside = static_cast<int>(outside_);
  const double frames = static_cast<double>(frames_);
  if (without_face_ == frames_) {
    quality.reason = "no_face";
  } else if (static_cast<double>(frames_ - without_face_) < settings.least_face_share * frames) {
    quality.reason = "few_faces";
  } else if (static_cast<double>(outside_) > settings.most_outside_share * frames) {
    quality.reason = "outside";
  }
  return quality;
}

}  // namespace avsr::preprocessing
