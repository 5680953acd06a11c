// The detector and the landmark model applied to one picture. face_finder.cc alone includes dlib.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "preprocessing/face_tracker.h"

namespace avsr::preprocessing {

// A square around a face: centre and side in source pixels.
struct FaceBox {
  double x = 0, y = 0, side = 0;
};
// Intersection over union, 0 … 1.
double overlap(const FaceBox& a, const FaceBox& b);

// A face reduced to a few grey values of mean 0 and length 1.
using FacePatch = std::vector<float>;
double likeness(const FacePatch& a, const FacePatch& b);  // correlation, -1 … 1

class FaceFinder {
 public:
  explicit FaceFinder(std::shared_ptr<const FaceModel> model);
  ~FaceFinder();
  // Copies the grey image; everything below is about it.
  void look_at(const uint8_t* pixels, int height, int width);
  // Mean absolute grey difference to the image before, over a coarse grid; 0 for the first.
  double change() const;
  // The largest face of the image reduced (or enlarged up to twice) to `long_side`, then to twice that.
  std::optional<FaceBox> search(int long_side);
  // Every face that search() would find at either size, largest first.
  std::vector<FaceBox> search_all(int long_side);
  // The face nearest to `expected`, looked for around it only.
  std::optional<FaceBox> search_near(const FaceBox& expected);
  Landmarks landmarks(const FaceBox& box) const;
  FacePatch patch(const FaceBox& box) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace avsr::preprocessing
