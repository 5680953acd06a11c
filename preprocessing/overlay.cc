#include "preprocessing/overlay.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

namespace avsr::preprocessing {
namespace {

constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;
const cv::Scalar kWhite(255, 255, 255), kBlack(0, 0, 0), kGrey(160, 160, 160);

cv::Scalar colour_of(const std::optional<double>& confidence) {
  if (!confidence) return kGrey;
  const double sure = std::clamp(*confidence, 0., 1.);
  const cv::Scalar unsure(0, 94, 213), certain(178, 114, 0);  // BGR; Okabe and Ito's vermilion and blue
  return unsure * (1 - sure) + certain * sure;
}

// One "?" for each character beyond ASCII (a byte that begins one).
std::string in_ascii(const std::string& text) {
  std::string ascii;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 128)
      ascii += c;
    else if (byte >= 192)
      ascii += '?';
  }
  return ascii;
}

// Centred on the line whose baseline is `bottom`, made smaller where it would be wider than the image. Returns the
// height of the letters.
int draw_line(cv::Mat& image, const std::string& text, int bottom, double scale) {
  int below = 0;
  cv::Size size = cv::getTextSize(text, kFont, scale, 1, &below);
  const double room = 0.94 * image.cols;
  if (size.width > room) {
    scale *= room / size.width;
    size = cv::getTextSize(text, kFont, scale, 1, &below);
  }
  const int stroke = std::max(1, static_cast<int>(std::lround(scale * 1.6)));
  const cv::Point at((image.cols - size.width) / 2, bottom);
  cv::putText(image, text, at, kFont, scale, kBlack, stroke + std::max(2, 2 * stroke), cv::LINE_AA);
  cv::putText(image, text, at, kFont, scale, kWhite, stroke, cv::LINE_AA);
  return size.height;
}

void draw_box(cv::Mat& image, const MouthPose& pose, int crop_size, const cv::Scalar& colour) {
  const double half = pose.scale * crop_size / 2, cosine = std::cos(pose.angle), sine = std::sin(pose.angle);
  std::vector<cv::Point> corners;
  for (const auto& [x, y] : {std::pair(-half, -half), {half, -half}, {half, half}, {-half, half}})
    corners.emplace_back(cvRound(pose.centre_x + cosine * x - sine * y),
                         cvRound(pose.centre_y + sine * x + cosine * y));
  const int line = std::max(2, image.rows / 160);
  cv::polylines(image, corners, true, kBlack, line + 2, cv::LINE_AA);
  cv::polylines(image, corners, true, colour, line, cv::LINE_AA);
}

void draw_bar(cv::Mat& image, double confidence, int bottom, int height, const cv::Scalar& colour) {
  const int width = image.cols / 4, left = (image.cols - width) / 2;
  const int filled = static_cast<int>(std::lround(width * std::clamp(confidence, 0., 1.)));
  cv::rectangle(image, {left - 1, bottom - height - 1}, {left + width + 1, bottom + 1}, kBlack, cv::FILLED);
  if (filled > 0) cv::rectangle(image, {left, bottom - height}, {left + filled, bottom}, colour, cv::FILLED);
  cv::rectangle(image, {left - 1, bottom - height - 1}, {left + width + 1, bottom + 1}, kWhite, 1);
}

}  // namespace

void draw_overlay(uint8_t* bgr, int height, int width, const Overlay& overlay) {
  cv::Mat image(height, width, CV_8UC3, bgr);
  const cv::Scalar colour = colour_of(overlay.confidence);
  if (overlay.mouth) draw_box(image, *overlay.mouth, overlay.crop_size, colour);
  const double scale = height / 480.;
  int bottom = height - std::max(4, height / 24);
  if (!overlay.caption.empty()) bottom -= 2 * draw_line(image, in_ascii(overlay.caption), bottom, scale);
  if (overlay.confidence) {
    const int bar = std::max(2, height / 80);
    draw_bar(image, *overlay.confidence, bottom, bar, colour);
    bottom -= 2 * bar;
  }
  if (!overlay.word.empty()) draw_line(image, in_ascii(overlay.word), bottom, 0.8 * scale);
}

}  // namespace avsr::preprocessing
