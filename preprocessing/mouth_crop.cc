#include "preprocessing/mouth_crop.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "preprocessing/crop_warp.h"
#include "preprocessing/pose_track.h"
#include "preprocessing/quality_counter.h"

namespace avsr::preprocessing {

void TrackedCropSettings::validate() const {
  const auto require = [](bool ok, const char* what) {
    if (!ok) throw std::invalid_argument(fmt::format("[tracked crop] {}", what));
  };
  require(size >= 8 && size <= 1024, "size must lie between 8 and 1024 pixels");
  require(mouth_scale >= 0.1 && mouth_scale <= 10, "mouth_scale must lie between 0.1 and 10");
  require(smoothing_radius >= 0 && smoothing_radius <= 100, "smoothing_radius must lie between 0 and 100 frames");
  require(longest_gap >= 0, "longest_gap must not be negative");
  require(least_face_share >= 0 && least_face_share <= 1, "least_face_share must lie between 0 and 1");
  require(most_outside_share >= 0 && most_outside_share <= 1, "most_outside_share must lie between 0 and 1");
  tracker.validate();
}

MouthClip crop_fixed(const io::Frames& frames, const CropBox& box) {
  if (box.height < 1 || box.width < 1) {
    throw std::invalid_argument(
        fmt::format("[fixed crop] expected a box of at least 1 x 1, got {} x {}", box.height, box.width));
  }
  MouthClip clip;
  clip.quality.method = "fixed";
  clip.quality.frames = frames.count;
  const bool outside =
      box.top < 0 || box.left < 0 || box.top + box.height > frames.height || box.left + box.width > frames.width;
  if (outside && frames.count > 0) {
    clip.quality.frames_outside = frames.count;
    clip.quality.reason = "outside";
  }
  clip.mouth = {frames.count, box.height, box.width, {}};
  clip.mouth.pixels.resize(frames.count * clip.mouth.frame_size());
  std::vector<int> columns(box.width);
  for (int x = 0; x < box.width; ++x) columns[x] = std::clamp(box.left + x, 0, std::max(0, frames.width - 1));
  for (int t = 0; t < frames.count; ++t) {
    for (int y = 0; y < box.height; ++y) {
      const uint8_t* source =
          frames.frame(t) + static_cast<size_t>(std::clamp(box.top + y, 0, frames.height - 1)) * frames.width;
      uint8_t* target = clip.mouth.frame(t) + static_cast<size_t>(y) * box.width;
      if (!outside) {
        std::memcpy(target, source + box.left, box.width);
      } else {
        for (int x = 0; x < box.width; ++x) target[x] = source[columns[x]];
      }
    }
  }
  const MouthPose pose{box.left + box.width / 2.0 - 0.5, box.top + box.height / 2.0 - 0.5, 1, 0};
  clip.poses.assign(frames.count, pose);
  return clip;
}

MouthClip crop_tracked(const io::Frames& frames, const std::shared_ptr<const FaceModel>& model,
                       const TrackedCropSettings& settings) {
  settings.validate();
  FaceTracker tracker(model, settings.tracker);
  PoseTrack path(settings, std::numeric_limits<int64_t>::max());
  for (int t = 0; t < frames.count; ++t) {
    for (const TrackedFace& face : tracker.push(frames.frame(t), frames.height, frames.width)) path.push(face);
  }
  for (const TrackedFace& face : tracker.finish()) path.push(face);
  path.finish();

  MouthClip clip;
  QualityCounter counter;
  clip.mouth = {frames.count, settings.size, settings.size, {}};
  clip.mouth.pixels.resize(frames.count * clip.mouth.frame_size());
  for (const PosedFrame& posed : path.take()) {
    const int t = static_cast<int>(posed.index);
    bool outside = false;
    if (posed.face) {
      outside = leaves_image(posed.pose, settings.size, frames.height, frames.width);
      warp_crop(frames.frame(t), frames.height, frames.width, posed.pose, settings.size, clip.mouth.frame(t));
    }
    counter.add(posed.face && !posed.interpolated, outside);
    clip.poses.push_back(posed.pose);
    clip.landmarks.push_back(posed.landmarks);
  }
  clip.quality = counter.quality(settings);
  if (clip.quality.reason == "no_face") clip.mouth = {};
  return clip;
}

}  // namespace avsr::preprocessing
