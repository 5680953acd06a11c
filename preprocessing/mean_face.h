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

// Points that speech does not move. Rounded means of 26 sentences of six real speakers, made symmetric; with them the
// closed mouth is 45 pixels wide, 47 % of the crop.
inline constexpr std::array<StablePoint, 5> kMeanFace = {{
    {33, 0, -23},        // base of the nose
    {36, -38, -66.5},    // outer corner of the eye on the left of the picture
    {39, -15.5, -65.5},  // its inner corner
    {42, 15.5, -65.5},
    {45, 38, -66.5},
}};

}  // namespace avsr::preprocessing
