// Soft-edged drawing on a float grey image: ellipses and glows, enough for a face.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

namespace avsr::data_scripts {

// 0 below edge0, 1 above edge1, smooth between.
inline float smooth_step(float edge0, float edge1, float x) {
  const float t = std::clamp((x - edge0) / (edge1 - edge0), 0.0f, 1.0f);
  return t * t * (3 - 2 * t);
}

struct Ellipse {
  double x, y, radius_x, radius_y;
  double angle = 0;  // radians, of its x axis
};

// A view of size x size grey values in [0, 255], row-major.
class Canvas {
 public:
  Canvas(std::vector<float>& pixels, int size) : pixels_(pixels), size_(size) {}

  // Calls change(pixel, distance, u, v) for pixels where distance < reach; distance is 1 on the ellipse's edge and
  // (u, v) are the pixel's coordinates in units of its radii.
  template <typename Change>
  void visit(const Ellipse& e, double reach, Change change) {
    const double c = std::cos(e.angle), s = std::sin(e.angle);
    const double extent = reach * std::max(e.radius_x, e.radius_y);
    const int top = std::max(0, static_cast<int>(e.y - extent)), left = std::max(0, static_cast<int>(e.x - extent));
    const int bottom = std::min(size_ - 1, static_cast<int>(e.y + extent) + 1);
    const int right = std::min(size_ - 1, static_cast<int>(e.x + extent) + 1);
    for (int row = top; row <= bottom; ++row) {
      for (int column = left; column <= right; ++column) {
        const double dx = column - e.x, dy = row - e.y;
        const float u = static_cast<float>((c * dx + s * dy) / e.radius_x);
        const float v = static_cast<float>((-s * dx + c * dy) / e.radius_y);
        const float distance = std::sqrt(u * u + v * v);
        if (distance < reach) change(pixels_[static_cast<size_t>(row) * size_ + column], distance, u, v);
      }
    }
  }

  // A filled ellipse whose edge fades over `softness` pixels.
  void fill(const Ellipse& e, double value, double alpha = 1, double softness = 1.5) {
    const float edge = static_cast<float>(softness / std::min(e.radius_x, e.radius_y));
    visit(e, 1 + edge, [&](float& pixel, float distance, float, float) {
      const float weight = static_cast<float>(alpha) * (1 - smooth_step(1 - edge, 1 + edge, distance));
      pixel += weight * (static_cast<float>(value) - pixel);
    });
  }

  // Adds amount * exp(-distance^2 * 2): a soft light (or shadow, when negative) about as large as the ellipse.
  void glow(const Ellipse& e, double amount) {
    visit(e, 1.8, [&](float& pixel, float distance, float, float) {
      pixel += static_cast<float>(amount) * std::exp(-2 * distance * distance);
    });
  }

 private:
  std::vector<float>& pixels_;
  int size_;
};

}  // namespace avsr::data_scripts
