// The face detector and the landmark model in memory. Defined in face_finder.cc, the one file that includes dlib.
#pragma once

#include <array>
#include <memory>
#include <string>

namespace avsr::preprocessing {

struct Point {
  float x = 0, y = 0;  // pixels; (0, 0) is the centre of the top left pixel
};
// The 68 points of the iBUG 300-W annotation: 0-16 jaw, 17-26 brows, 27-35 nose, 36-47 eyes, 48-67 lips.
using Landmarks = std::array<Point, 68>;

// Where Debian's libdlib-data puts the landmark model.
inline constexpr const char* kLandmarkModelPath = "/usr/share/dlib/shape_predictor_68_face_landmarks.dat";

// About 100 MB, half a second to load. Immutable: one per process serves all threads.
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

}  // namespace avsr::preprocessing
