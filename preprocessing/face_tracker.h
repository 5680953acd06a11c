// Finds a face and its 68 landmarks in each frame: detection now and then, landmarks from the tracked box in between.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace avsr::preprocessing {

struct Point {
  float x = 0, y = 0;  // pixels; (0, 0) is the centre of the top left pixel
};
// The 68 points of the iBUG 300-W annotation: 0-16 jaw, 17-26 brows, 27-35 nose, 36-47 eyes, 48-67 lips.
using Landmarks = std::array<Point, 68>;

// Where Debian's libdlib-data puts the landmark model.
inline constexpr const char* kLandmarkModelPath = "/usr/share/dlib/shape_predictor_68_face_landmarks.dat";

// The landmark model in memory (about 100 MB, half a second to load). Immutable: one per process serves all threads.
class FaceModel {
 public:
  // Throws std::runtime_error naming the file, and what to install, when it is absent or not a 68-point model.
  static std::shared_ptr<const FaceModel> load(const std::string& path = kLandmarkModelPath);
  ~FaceModel();
  struct Data;
  const Data& data() const { return *data_; }

 private:
  explicit FaceModel(std::unique_ptr<Data> data);
  std::unique_ptr<Data> data_;
};

struct TrackerSettings {
  int verify_interval = 10;   // frames between detector runs around the tracked face
  int search_interval = 5;    // frames between searches of the whole image while no face is tracked
  int landmark_interval = 2;  // landmarks on every n-th frame, interpolated in between
  int search_size = 360;      // the image's long side is reduced to this for a search, then tried at twice this
  double scene_cut = 25;      // mean grey change between frames that forces a verification at once
  void validate() const;      // throws std::invalid_argument
};

// What became known about a frame.
struct TrackedFace {
  int64_t index = 0;                   // of the frame, counted from 0
  bool skipped = false;                // landmarks not computed here (landmark_interval); interpolate
  std::optional<Landmarks> landmarks;  // source pixels; empty: no face in this frame, or skipped
};

// Tracks the largest face through frames of one size. Landmarks between two detector runs are given out only when the
// second one confirms them, so that a cut or a lost face leaves a gap, not nonsense: results come in order, in groups.
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
