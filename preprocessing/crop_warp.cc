#include "preprocessing/crop_warp.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace avsr::preprocessing {
namespace {

// The crop's corner in direction (sx, sy), each -1 or 1, in source pixels.
cv::Point2d corner(const MouthPose& pose, int size, int sx, int sy) {
  const double c = pose.scale * std::cos(pose.angle) * size / 2, s = pose.scale * std::sin(pose.angle) * size / 2;
  return {pose.centre_x + c * sx - s * sy, pose.centre_y + s * sx + c * sy};
}

// A part of the image that holds the crop and a margin for interpolation, never empty.
cv::Rect part_around(const MouthPose& pose, int size, const cv::Size& image) {
  const double reach = pose.scale * size / 2 * (std::abs(std::cos(pose.angle)) + std::abs(std::sin(pose.angle)));
  const double margin = 2 * std::max(1.0, pose.scale);
  const auto first = [&](double centre, int end) {
    return static_cast<int>(std::clamp(std::floor(centre - reach - margin), 0.0, end - 1.0));
  };
  const auto last = [&](double centre, int end) {
    return static_cast<int>(std::clamp(std::ceil(centre + reach + margin), 0.0, end - 1.0));
  };
  const int left = first(pose.centre_x, image.width), top = first(pose.centre_y, image.height);
  const int right = last(pose.centre_x, image.width), bottom = last(pose.centre_y, image.height);
  return {left, top, std::max(1, right - left + 1), std::max(1, bottom - top + 1)};
}

}  // namespace

bool leaves_image(const MouthPose& pose, int size, int height, int width) {
  for (const int sx : {-1, 1}) {
    for (const int sy : {-1, 1}) {
      const cv::Point2d p = corner(pose, size, sx, sy);
      if (p.x < -1 || p.y < -1 || p.x > width || p.y > height) return true;
    }
  }
  return false;
}

void warp_crop(const uint8_t* pixels, int height, int width, const MouthPose& pose, int size, uint8_t* out) {
  // OpenCV has no view of constant memory; this one is only read.
  const cv::Mat image(height, width, CV_8U, const_cast<uint8_t*>(pixels));
  const cv::Rect part = part_around(pose, size, image.size());
  cv::Mat source = image(part);
  double fx = 1, fy = 1;
  if (pose.scale > 1.1) {
    cv::Mat smaller;
    cv::resize(source, smaller,
               {std::max(1, static_cast<int>(std::lround(part.width / pose.scale))),
                std::max(1, static_cast<int>(std::lround(part.height / pose.scale)))},
               0, 0, cv::INTER_AREA);
    fx = static_cast<double>(smaller.cols) / part.width;
    fy = static_cast<double>(smaller.rows) / part.height;
    source = smaller;
  }
  // Crop pixel -> source pixel (centres at whole numbers) -> pixel of the reduced part.
  const double c = pose.scale * std::cos(pose.angle), s = pose.scale * std::sin(pose.angle), half = (size - 1) / 2.0;
  const double x0 = pose.centre_x - part.x - c * half + s * half, y0 = pose.centre_y - part.y - s * half - c * half;
  const cv::Matx23d map(c * fx, -s * fx, (x0 + 0.5) * fx - 0.5, s * fy, c * fy, (y0 + 0.5) * fy - 0.5);
  cv::Mat crop(size, size, CV_8U, out);
  cv::warpAffine(source, crop, map, crop.size(), cv::INTER_LINEAR | cv::WARP_INVERSE_MAP, cv::BORDER_REPLICATE);
}

}  // namespace avsr::preprocessing
