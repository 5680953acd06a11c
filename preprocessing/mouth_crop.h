// From frames of a talking face to small grey pictures of the mouth: by a fixed box, or by tracking the face.
#pragma once

#include <memory>
#include <vector>

#include "io/clip.h"
#include "preprocessing/face_tracker.h"

namespace avsr::preprocessing {

// A box in source pixels. The default is LRW's: rows 115:211, columns 79:175.
struct CropBox {
  int top = 115, left = 79, height = 96, width = 96;
};

// Where a crop lies in the source: crop pixel (x, y) shows the source at
// centre + scale * R(angle) * (x - (size - 1) / 2, y - (size - 1) / 2).
struct MouthPose {
  double centre_x = 0, centre_y = 0;  // the mouth's centre in source pixels
  double scale = 1;                   // source pixels per crop pixel
  double angle = 0;                   // radians, positive when the face is turned clockwise on the screen
};

struct MouthClip {
  io::Frames mouth;  // (T, height, width); empty when quality.reason is "no_face"
  io::CropQuality quality;
  std::vector<MouthPose> poses;      // T
  std::vector<Landmarks> landmarks;  // T, source pixels, gaps interpolated, not smoothed; empty for a fixed box
};

// How tracked crops are made. The geometry of the result is fixed by `size` and `mouth_scale`: the face is turned and
// scaled (similarity, least squares over the eye corners and the nose) to the mean face of mean_face.h, so that the
// mouth is level, centred, and about 47 % of the crop wide whatever the source's size.
struct TrackedCropSettings {
  int size = 96;                  // of the square crop, pixels
  double mouth_scale = 1;         // > 1 shows the mouth larger
  int smoothing_radius = 5;       // frames on each side (Gaussian weights of deviation radius / 2); 0 = none
  int longest_gap = 50;           // streaming only: frames without a face that are waited for and interpolated across
  double least_face_share = 0.5;  // fewer frames with a face than this: reason "few_faces"
  double most_outside_share = 0.25;  // more frames whose crop leaves the image than this: reason "outside"
  TrackerSettings tracker;
  void validate() const;  // throws std::invalid_argument
};

// Cuts the box out of every frame. Beyond the image the nearest pixel is repeated, and the quality's reason is
// "outside". Throws std::invalid_argument when the box is empty.
MouthClip crop_fixed(const io::Frames& frames, const CropBox& box = {});

// Tracks the largest face through a whole clip of grey frames and crops its mouth. Gaps of any length are interpolated,
// gaps at the ends repeat the nearest pose. The face model may be shared between threads.
MouthClip crop_tracked(const io::Frames& frames, const std::shared_ptr<const FaceModel>& model,
                       const TrackedCropSettings& settings = {});

}  // namespace avsr::preprocessing
