#include "data_scripts/drawn_face.h"

#include "data_scripts/canvas.h"

namespace avsr::data_scripts {
namespace {

constexpr int kSize = kFaceImageSize;
constexpr double kPi = 3.14159265358979323846;

}  // namespace

DrawnFace::Look DrawnFace::random_look(preprocessing::Random& random) {
  Look look;
  look.skin = random.uniform(120, 205);
  look.lips = look.skin * random.uniform(0.60, 0.74);
  look.hair = random.uniform(18, 70);
  look.iris = random.uniform(35, 80);
  look.brow = std::min(look.skin * 0.45, random.uniform(25, 80));
  look.background = random.uniform(40, 220);
  look.light_x = random.uniform(-0.5, 0.5);
  look.light_y = random.uniform(-0.6, 0.0);
  look.shade = random.uniform(0.25, 0.45);
  look.face_width = random.uniform(57, 65);
  look.eye_distance = random.uniform(56, 62);
  look.eye_row = kMouthRow - random.uniform(53, 58);
  look.chin_row = kMouthRow + random.uniform(38, 44);
  look.face_height = (look.chin_row - (look.eye_row - 52)) / 2;
  look.eye_width = random.uniform(11.5, 13.5);
  look.eye_height = random.uniform(4.6, 5.8);
  look.brow_height = random.uniform(15, 18);
  look.nose_width = random.uniform(13, 16);
  look.mouth_half_width = random.uniform(21, 25);
  look.upper_lip = random.uniform(4.2, 6.2);
  look.lower_lip = random.uniform(5.2, 7.4);
  look.teeth_grey = random.uniform(190, 230);
  return look;
}

DrawnFace::DrawnFace(preprocessing::Random& random)
    : look_(random_look(random)), still_(static_cast<size_t>(kSize) * kSize) {
  draw_background(random);
  draw_head();
  draw_eyes();
  draw_nose();
}

void DrawnFace::draw_background(preprocessing::Random& random) {
  const double slope_x = random.uniform(-0.15, 0.15), slope_y = random.uniform(-0.15, 0.15);
  for (int row = 0; row < kSize; ++row) {
    for (int column = 0; column < kSize; ++column) {
      still_[static_cast<size_t>(row) * kSize + column] =
          static_cast<float>(look_.background + slope_x * (column - 128) + slope_y * (row - 128));
    }
  }
  Canvas canvas(still_, kSize);
  canvas.fill({kMouthColumn, 300, 105, 75}, random.uniform(30, 200), 1, 3);  // clothes
}

void DrawnFace::draw_head() {
  Canvas canvas(still_, kSize);
  const double middle = look_.chin_row - look_.face_height;
  canvas.fill({kMouthColumn, middle - 16, look_.face_width + 10, look_.face_height + 6}, look_.hair, 1, 4);
  canvas.fill({kMouthColumn, look_.chin_row + 15, 33, 42}, look_.skin * 0.72, 1, 3);  // neck
  for (const int side : {-1, 1}) {                                                    // ears
    canvas.fill({kMouthColumn + side * (look_.face_width + 1), look_.eye_row + 14, 7, 15}, look_.skin * 0.8);
  }
  canvas.glow({kMouthColumn, look_.chin_row + 8, 40, 14}, -0.25 * look_.skin);  // the chin's shadow

  // The face: an ellipsoid lit from one side, its jaw a little narrower than its temples.
  const Ellipse face{kMouthColumn, middle, look_.face_width, look_.face_height};
  const float light_x = static_cast<float>(look_.light_x), light_y = static_cast<float>(look_.light_y);
  const float shade = static_cast<float>(look_.shade), skin = static_cast<float>(look_.skin);
  canvas.visit({face.x, face.y, face.radius_x * 1.06, face.radius_y * 1.06}, 1.0,
               [&](float& pixel, float, float u, float v) {
                 u *= 1.06f, v *= 1.06f;
                 const float narrow = 1 - 0.12f * smooth_step(0.1f, 1.0f, v);
                 const float distance = std::sqrt(u * u / (narrow * narrow) + v * v);
                 const float weight = 1 - smooth_step(0.98f, 1.02f, distance);
                 const float depth = std::sqrt(std::max(0.0f, 1 - u * u - v * v));
                 const float light = 1 - shade + shade * (depth * 1.1f + u * light_x + v * light_y * 0.7f);
                 pixel += weight * (skin * light - pixel);
               });
  // Hair over the forehead, cheeks, the fold under the lower lip, the groove under the nose.
  canvas.fill({kMouthColumn, middle - look_.face_height - 2, look_.face_width * 0.9, 20}, look_.hair, 1, 3);
  for (const int side : {-1, 1}) {
    canvas.glow({kMouthColumn + side * 33, kMouthRow - 26, 20, 15}, 0.10 * look_.skin);
    canvas.glow({kMouthColumn + side * 27, kMouthRow - 13, 5, 17, side * -0.45}, -0.09 * look_.skin);
  }
  canvas.glow({kMouthColumn, kMouthRow + 22, 17, 5}, -0.10 * look_.skin);
  canvas.glow({kMouthColumn, kMouthRow + 32, 16, 8}, 0.08 * look_.skin);
  canvas.glow({kMouthColumn, kMouthRow - 14, 4, 7}, -0.08 * look_.skin);
}

void DrawnFace::draw_eyes() {
  Canvas canvas(still_, kSize);
  for (const int side : {-1, 1}) {
    const double x = kMouthColumn + side * look_.eye_distance / 2, y = look_.eye_row;
    canvas.glow({x, y - 3, 21, 13}, -0.26 * look_.skin);                                         // socket
    canvas.glow({x, y - 9, 14, 4}, 0.08 * look_.skin);                                           // lid
    canvas.fill({x, y, look_.eye_width, look_.eye_height}, std::min(235.0, look_.skin * 1.12));  // white
    canvas.fill({x, y - 0.3, 5.2, 5.2}, look_.iris);
    canvas.fill({x, y - 0.3, 2.4, 2.4}, 12);
    canvas.fill({x - 1.6, y - 2, 1.1, 1.1}, 240, 0.9, 1);                                       // glint
    canvas.fill({x, y - look_.eye_height, look_.eye_width + 1, 1.8}, look_.skin * 0.35, 0.85);  // lashes
    canvas.fill({x, y + look_.eye_height, look_.eye_width - 1, 0.9}, look_.skin * 0.6, 0.6);
    canvas.fill({x + side * 2, y - look_.brow_height, 16, 3.0, side * 0.06}, look_.brow, 0.9, 2);
  }
}

void DrawnFace::draw_nose() {
  Canvas canvas(still_, kSize);
  const double tip = kMouthRow - 24;
  canvas.glow({kMouthColumn, look_.eye_row + 14, 5, 30}, 0.12 * look_.skin);  // bridge
  for (const int side : {-1, 1}) {
    canvas.glow({kMouthColumn + side * 9, look_.eye_row + 12, 5, 24}, -0.11 * look_.skin);
    canvas.glow({kMouthColumn + side * look_.nose_width, tip - 1, 4.5, 7}, -0.20 * look_.skin);
    canvas.fill({kMouthColumn + side * 6.5, tip + 3, 3.6, 2.2, side * -0.3}, look_.skin * 0.25, 0.9, 1.5);
  }
  canvas.glow({kMouthColumn, tip - 5, 9, 8}, 0.14 * look_.skin);
  canvas.glow({kMouthColumn, tip + 6, 14, 4}, -0.16 * look_.skin);
}

void DrawnFace::draw_lids(double closure, std::vector<float>& pixels) const {
  if (closure <= 0.05) return;
  Canvas canvas(pixels, kSize);
  for (const int side : {-1, 1}) {
    const double x = kMouthColumn + side * look_.eye_distance / 2;
    const double reach = closure * look_.eye_height;
    canvas.fill({x, look_.eye_row - look_.eye_height + reach, look_.eye_width + 1, reach + 1}, look_.skin * 0.72);
    canvas.fill({x, look_.eye_row - look_.eye_height + 2 * reach, look_.eye_width, 1.5}, look_.skin * 0.35, 0.85);
  }
}

// The outlines of the lips, from the mouth's middle row: outer and inner, above (negative) and below.
struct DrawnFace::Lips {
  double half_width, inner_half_width, up, down, upper, lower, teeth_height;
  MouthShape shape;
  double rounding, closed;  // closed: 1 when the lips meet, falling to 0 as they part
};

DrawnFace::Lips DrawnFace::lips_of(const MouthShape& mouth) const {
  const double rounding = std::clamp(mouth.rounding, 0.0, 1.0), opening = std::max(0.0, mouth.opening);
  const double pressed = std::clamp(1 - opening * 12, 0.0, 1.0) * (1 - rounding);
  const double fullness = 1 + 0.25 * rounding - 0.25 * pressed;
  Lips lips;
  lips.shape = mouth;
  lips.rounding = rounding;
  lips.closed = std::clamp(1 - opening * 8, 0.0, 1.0);
  lips.half_width = look_.mouth_half_width * (0.86 + 0.28 * mouth.width) * (1 - 0.36 * rounding);
  lips.inner_half_width = lips.half_width * (0.84 - 0.08 * rounding);
  lips.up = 4.0 * opening;
  lips.down = 15.0 * opening;  // the lower lip goes with the jaw
  lips.upper = look_.upper_lip * fullness;
  lips.lower = look_.lower_lip * fullness;
  lips.teeth_height = 1 + 5 * std::clamp(mouth.teeth, 0.0, 1.0);
  return lips;
}

// What is seen between the lips: teeth below the upper lip, tongue on the lower one, else darkness. xi: -1 to 1 across
// the opening; top and bottom: rows of its edges.
float DrawnFace::inside_of(const Lips& lips, double xi, double y, double top, double bottom) const {
  const float dark = static_cast<float>(0.16 * look_.skin);
  const MouthShape& mouth = lips.shape;
  if (mouth.teeth > 0.02 && y - top < lips.teeth_height && std::abs(xi) < 0.86) {
    const float teeth = static_cast<float>(look_.teeth_grey * (0.95 - 0.35 * std::abs(xi)));
    return dark + std::min(1.0f, static_cast<float>(mouth.teeth * 1.4)) * (teeth - dark);
  }
  if (mouth.tongue <= 0.02) return dark;
  const double from_bottom = (bottom - y) / std::max(1.0, bottom - top);
  const float amount = static_cast<float>(mouth.tongue) *
                       (1 - smooth_step(0.35f, 0.85f, static_cast<float>(from_bottom + xi * xi * 0.6)));
  return dark + amount * (static_cast<float>(look_.lips * 0.85) - dark);
}

// The grey of the lips themselves: the lower one is rounder and catches the light.
float DrawnFace::lip_grey(const Lips& lips, double y, double outer_top, double top, double bottom,
                          double outer_bottom) const {
  if (y > bottom) {
    const double t = (y - bottom) / std::max(1.0, outer_bottom - bottom);
    const double light = (0.26 + 0.15 * lips.rounding) * std::exp(-8 * (t - 0.45) * (t - 0.45));
    return static_cast<float>(look_.lips * (1 + light - 0.12 * t));
  }
  if (y >= top) return static_cast<float>(look_.lips);
  const double t = (top - y) / std::max(1.0, top - outer_top);
  return static_cast<float>(look_.lips * (0.82 + 0.16 * t + 0.10 * lips.rounding));
}

double DrawnFace::draw_mouth(const MouthShape& mouth, std::vector<float>& pixels) const {
  const Lips lips = lips_of(mouth);
  const int first_row = static_cast<int>(kMouthRow - lips.up - lips.upper - 4);
  const int last_row = static_cast<int>(kMouthRow + lips.down + lips.lower + 5);
  const int left = static_cast<int>(kMouthColumn - lips.half_width - 4);
  const int right = static_cast<int>(kMouthColumn + lips.half_width + 5);
  for (int column = left; column <= right; ++column) {
    const double x = (column - kMouthColumn) / lips.half_width, xi = (column - kMouthColumn) / lips.inner_half_width;
    const double bow = std::max(0.0, 1 - x * x), inner = std::max(0.0, 1 - xi * xi);
    const double cupid = 1 - 0.22 * std::exp(-x * x * 60);  // the dip in the middle of the upper lip
    const double outer_top = -(lips.up * bow + lips.upper * std::pow(bow, 0.7) * cupid);
    const double outer_bottom = lips.down * bow + lips.lower * std::pow(bow, 0.6);
    const double top = -lips.up * inner, bottom = lips.down * inner;
    const double side = (std::abs(x) - 1) * lips.half_width;
    for (int row = first_row; row <= last_row; ++row) {
      const double y = row - kMouthRow;
      const double outside = std::max({outer_top - y, y - outer_bottom, side});
      const float cover = 1 - smooth_step(-0.9f, 0.9f, static_cast<float>(outside));
      if (cover <= 0) continue;
      const float opening = 1 - smooth_step(-0.8f, 0.8f, static_cast<float>(std::max(top - y, y - bottom)));
      float value = lip_grey(lips, y, outer_top, top, bottom, outer_bottom);
      if (opening > 0) value += opening * (inside_of(lips, xi, y, top, bottom) - value);
      if (lips.closed > 0) {  // closed lips still part in a dark line
        const double line = std::exp(-y * y / 1.2) * (1 - opening) * (std::abs(xi) < 1 ? 0.55 : 0.3);
        value *= static_cast<float>(1 - line * lips.closed);
      }
      float& pixel = pixels[static_cast<size_t>(row) * kSize + column];
      pixel += cover * (value - pixel);
    }
  }
  return (lips.down + lips.lower - lips.up - lips.upper) / 2;
}

MouthCentre DrawnFace::draw(const MouthShape& mouth, const HeadPose& pose, double eye_closure, uint8_t* image) const {
  std::vector<float> canvas = still_;
  draw_lids(eye_closure, canvas);
  const double lip_middle = draw_mouth(mouth, canvas);

  // Each pixel of the frame reads the upright face where the inverse of the pose takes it (bilinear).
  const double c = std::cos(pose.angle) / pose.scale, s = std::sin(pose.angle) / pose.scale;
  const float limit = kSize - 1.001f;
  for (int row = 0; row < kSize; ++row) {
    const double dy = row - kMouthRow - pose.shift_y, dx = -kMouthColumn - pose.shift_x;
    double x = c * dx + s * dy + kMouthColumn, y = -s * dx + c * dy + kMouthRow;
    uint8_t* out = image + static_cast<size_t>(row) * kSize;
    for (int column = 0; column < kSize; ++column, x += c, y -= s) {
      const float fx = std::clamp(static_cast<float>(x), 0.0f, limit),
                  fy = std::clamp(static_cast<float>(y), 0.0f, limit);
      const int x0 = static_cast<int>(fx), y0 = static_cast<int>(fy);
      const float ax = fx - static_cast<float>(x0), ay = fy - static_cast<float>(y0);
      const float* p = canvas.data() + static_cast<size_t>(y0) * kSize + x0;
      const float above = p[0] + ax * (p[1] - p[0]), below = p[kSize] + ax * (p[kSize + 1] - p[kSize]);
      out[column] = static_cast<uint8_t>(std::clamp(above + ay * (below - above) + 0.5f, 0.0f, 255.0f));
    }
  }
  const double forward_c = std::cos(pose.angle) * pose.scale, forward_s = std::sin(pose.angle) * pose.scale;
  return {kMouthColumn + pose.shift_x - forward_s * lip_middle, kMouthRow + pose.shift_y + forward_c * lip_middle};
}

}  // namespace avsr::data_scripts
