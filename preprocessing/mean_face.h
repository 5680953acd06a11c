// The geometry of tracked mouth crops, kept in model files by the name below: where a mean face lies around a mouth.
#pragma once

#include <array>

namespace avsr::preprocessing {

// Named in model files. Change it whenever a number below changes: old models then refuse new crops.
inline constexpr const char* kCropGeometry = "avsr-mean-face-1";

struct StablePoint {
  int landmark;  // index of the 68 points
  double x, y;   // crop pixels from the mouth's centre, x to the right, y down
};

inline constexpr double kMeanFaceSize = 96;  // pixels of the square crop in which the points below are given
inline constexpr int kFirstLipPoint = 48;    // lip points are 48 … 67

// Points that speech does not move.
inline constexpr std::array<StablePoint, 5> kMeanFace = {{
    {33, 0, -24},    // base of the nose
    {36, -39, -64},  // outer corner of the eye on the left of the picture
    {39, -16, -63},
    {42, 16, -63},
    {45, 39, -64},
}};

}  // namespace avsr::preprocessing
