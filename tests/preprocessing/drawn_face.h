// A simply shaded face, so that the tracker is tested without any real one.
#pragma once

#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "io/clip.h"

namespace avsr::preprocessing {

// Where drawn_face() put the mouth.
struct DrawnFace {
  double mouth_x = 0, mouth_y = 0;
};

// Draws a face of `scale` (1: some 120 pixels wide) around (x, y), turned by `angle` radians (clockwise on the screen).
inline DrawnFace draw_face(cv::Mat& image, double x, double y, double scale, double angle, double mouth_open) {
  const double c = std::cos(angle), s = std::sin(angle), degrees = angle * 180 / CV_PI;
  constexpr int kShift = 4;
  const auto ellipse = [&](double dx, double dy, double rx, double ry, int grey) {
    const double px = x + scale * (c * dx - s * dy), py = y + scale * (s * dx + c * dy);
    const auto fixed = [](double v) { return static_cast<int>(std::lround(v * (1 << kShift))); };
    cv::ellipse(image, {fixed(px), fixed(py)}, {fixed(rx * scale), fixed(ry * scale)}, degrees, 0, 360, grey, -1,
                cv::LINE_AA, kShift);
    return DrawnFace{px, py};
  };
  ellipse(0, -18, 66, 88, 60);   // hair
  ellipse(0, 62, 30, 40, 150);   // neck
  ellipse(0, 0, 56, 76, 185);    // face
  ellipse(0, -52, 44, 18, 190);  // forehead
  for (const int side : {-1, 1}) {
    ellipse(side * 24, -16, 17, 11, 150);  // socket
    ellipse(side * 24, -30, 15, 3.5, 70);  // brow
    ellipse(side * 24, -15, 11, 5.5, 235);
    ellipse(side * 24, -15, 5, 5, 40);
    ellipse(side * 30, 16, 14, 12, 195);  // cheek
    ellipse(side * 6, 19, 3.5, 2.2, 70);  // nostril
  }
  ellipse(0, 2, 5, 20, 205);  // nose
  ellipse(0, 17, 10, 6, 170);
  ellipse(0, 15, 7, 4, 195);
  for (const int side : {-1, 1}) ellipse(side * 6, 20, 3.5, 2.2, 70);
  const DrawnFace face = ellipse(0, 42, 23, 8 + mouth_open, 115);  // lips
  ellipse(0, 42, 19, 1.5 + mouth_open, 40);
  return face;
}

// T frames of a face that nods, sways and speaks. truth: one entry a frame.
inline io::Frames drawn_clip(int count, int height, int width, double scale, std::vector<DrawnFace>& truth) {
  io::Frames frames{count, height, width, {}};
  frames.pixels.resize(frames.count * frames.frame_size());
  truth.clear();
  for (int t = 0; t < count; ++t) {
    cv::Mat image(height, width, CV_8U, frames.frame(t));
    for (int y = 0; y < height; ++y) image.row(y).setTo(90 + 40 * y / height);
    const double sway = std::sin(t * 0.21), nod = std::sin(t * 0.13 + 1);
    truth.push_back(draw_face(image, width / 2.0 + 6 * scale * sway, height / 2.0 + 4 * scale * nod, scale, 0.06 * sway,
                              4 + 4 * std::sin(t * 0.9)));
    cv::GaussianBlur(image, image, {}, 1.2 * scale);
  }
  return frames;
}

}  // namespace avsr::preprocessing
