// A drawn talking face: simply shaded, all its measures random, its mouth set frame by frame.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "io/clip.h"
#include "preprocessing/random.h"

namespace avsr::data_scripts {

constexpr int kFaceImageSize = 256;   // pixels, square
constexpr double kMouthColumn = 127;  // where the mouth's centre lies on average: LRW's fixed box is cut around it
constexpr double kMouthRow = 163;

// The visible state of a mouth. All in [0, 1] (a little beyond is tolerated).
struct MouthShape {
  static constexpr int kParameters = 5;
  double opening = 0;   // height between the lips; 0 closed
  double width = 0.5;   // distance between the corners; 0 narrow, 0.5 at rest, 1 spread
  double rounding = 0;  // lips pushed forward: thicker and narrower
  double teeth = 0;     // lower edge of the upper teeth seen
  double tongue = 0;    // tongue seen behind the teeth
  std::array<double, kParameters> values() const { return {opening, width, rounding, teeth, tongue}; }
  static MouthShape from(const std::array<double, kParameters>& v) { return {v[0], v[1], v[2], v[3], v[4]}; }
};

// How the head stands in one frame, relative to the face drawn upright: turn and scale around the mouth, then shift.
struct HeadPose {
  double shift_x = 0, shift_y = 0;  // pixels
  double angle = 0;                 // radians
  double scale = 1;
};

struct MouthCentre {
  double x = 0, y = 0;  // pixels; (0, 0) is the centre of the top left pixel
};

// One person. The still parts are drawn once, so that a frame costs the mouth and one warp.
class DrawnFace {
 public:
  explicit DrawnFace(preprocessing::Random& random);

  // Draws one frame into image (kFaceImageSize squared, row-major) and returns the middle of the drawn lips.
  // eye_closure in [0, 1] is how far the lids are shut.
  MouthCentre draw(const MouthShape& mouth, const HeadPose& pose, double eye_closure, uint8_t* image) const;

 private:
  struct Look {
    double skin, lips, hair, iris, brow, background, light_x, light_y, shade;
    double face_width, face_height, chin_row, eye_distance, eye_row, eye_width, eye_height, brow_height, nose_width;
    double mouth_half_width, upper_lip, lower_lip, teeth_grey;
  };
  static Look random_look(preprocessing::Random& random);
  void draw_background(preprocessing::Random& random);
  void draw_head();
  void draw_eyes();
  void draw_nose();
  struct Lips;
  Lips lips_of(const MouthShape& mouth) const;
  float inside_of(const Lips& lips, double xi, double y, double top, double bottom) const;
  float lip_grey(const Lips& lips, double y, double outer_top, double top, double bottom, double outer_bottom) const;
  // Returns the row of the middle of the lips relative to the mouth's row at rest.
  double draw_mouth(const MouthShape& mouth, std::vector<float>& canvas) const;
  void draw_lids(double closure, std::vector<float>& canvas) const;

  Look look_;
  std::vector<float> still_;  // the face without lips, upright
};

}  // namespace avsr::data_scripts
