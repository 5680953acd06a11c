// Finds a face and its 68 landmarks in each frame: detection now and then, landmarks from the tracked box in between.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "preprocessing/face_model.h"

namespace avsr::preprocessing {

struct TrackerSettings {
  int verify_interval = 10;   // frames between detector runs around the tracked face
  int search_interval = 5;    // frames between searches of the whole image while no face is tracked
  int landmark_interval = 2;  // landmarks on every n-th frame, interpolated in between
  int search_size = 360;      // the image's long side is reduced to this for a search, then tried at twice this
  double scene_cut = 25;      // mean grey change between frames that forces a verification at once
  // Of FaceTracks only:
  int survey_interval = 25;  // frames between searches for further faces
  int most_faces = 8;        // followed at one time; the largest of those that appear
  void validate() const;     // throws std::invalid_argument
};

// What became known about a frame.
struct TrackedFace {
  int64_t index = 0;                   // of the frame, counted from 0
  bool skipped = false;                // landmarks not computed here (landmark_interval); interpolate
  std::optional<Landmarks> landmarks;  // source pixels; empty: no face in this frame, or skipped
  bool new_shot = false;               // a scene cut or another face: nothing goes on from the frame before
};

// Tracks the largest face through frames of one size. Landmarks between two detector runs are given out only when the
// second one confirms them, or when a scene cut explains why it cannot, so that a lost face leaves a gap, not nonsense:
// results come in order, in groups.
class FaceTracker {
 public:
  FaceTracker(std::shared_ptr<const FaceModel> model, const TrackerSettings& settings);
  ~FaceTracker();
  // Grey image, row-major. Returns the frames that became known, oldest first.
  std::vector<TrackedFace> push(const uint8_t* pixels, int height, int width);
  std::vector<TrackedFace> finish();  // the rest; no push afterwards

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace avsr::preprocessing
