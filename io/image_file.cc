#include "io/image_file.h"

#include <algorithm>
#include <opencv2/imgcodecs.hpp>
#include <stdexcept>

#include "io/atomic_file.h"

namespace avsr::io {

namespace {

cv::Mat as_mat(const uint8_t* pixels, int height, int width, int channels) {
  return cv::Mat(height, width, CV_MAKETYPE(CV_8U, channels), const_cast<uint8_t*>(pixels));  // only read from
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

void check_image(const std::string& where, const Image& image) {
  if (image.height < 1 || image.width < 1 || (image.channels != 1 && image.channels != 3) ||
      image.pixels.size() != static_cast<size_t>(image.height) * image.width * image.channels) {
    throw std::invalid_argument(where + ": expected (H, W, 1 or 3) pixels, got " + std::to_string(image.pixels.size()) +
                                " for " + std::to_string(image.height) + " x " + std::to_string(image.width) + " x " +
                                std::to_string(image.channels));
  }
}

}  // namespace

std::vector<uint8_t> encode_grey_jpeg(const uint8_t* pixels, int height, int width, int quality) {
  if (height < 1 || height > kMaxJpegHeight || width < 1 || width > kMaxJpegHeight) {
    throw std::invalid_argument("[jpeg] expected 1 to " + std::to_string(kMaxJpegHeight) + " rows and columns, got " +
                                std::to_string(height) + " x " + std::to_string(width));
  }
  std::vector<uint8_t> bytes;
  if (!cv::imencode(".jpg", as_mat(pixels, height, width, 1), bytes, {cv::IMWRITE_JPEG_QUALITY, quality})) {
    throw std::runtime_error("[jpeg] cannot encode");
  }
  return bytes;
}

std::vector<uint8_t> encode_png(const Image& image) {
  check_image("[png]", image);
  std::vector<uint8_t> bytes;
  if (!cv::imencode(".png", as_mat(image.pixels.data(), image.height, image.width, image.channels), bytes))
    throw std::runtime_error("[png] cannot encode");
  return bytes;
}

Image decode_image(std::span<const uint8_t> bytes, int channels, const std::string& name) {
  if (channels != 1 && channels != 3)
    throw std::invalid_argument(name + ": expected 1 or 3 channels, got " + std::to_string(channels));
  const cv::Mat encoded(1, static_cast<int>(bytes.size()), CV_8U, const_cast<uint8_t*>(bytes.data()));
  cv::Mat decoded;
  try {
    if (!bytes.empty()) decoded = cv::imdecode(encoded, channels == 1 ? cv::IMREAD_GRAYSCALE : cv::IMREAD_COLOR);
  } catch (const cv::Exception& error) {
    throw std::runtime_error(name + ": cannot decode the image: " + error.what());
  }
  if (decoded.empty()) throw std::runtime_error(name + ": is not an image that can be decoded");
  Image image{decoded.rows, decoded.cols, channels, {}};
  image.pixels.resize(static_cast<size_t>(decoded.rows) * decoded.cols * channels);
  for (int row = 0; row < decoded.rows; ++row) {
    std::copy_n(decoded.ptr<uint8_t>(row), static_cast<size_t>(decoded.cols) * channels, image.at(row, 0));
  }
  return image;
}

void write_image(const std::string& path, const Image& image, int jpeg_quality) {
  const bool jpeg = ends_with(path, ".jpg") || ends_with(path, ".jpeg");
  if (!jpeg && !ends_with(path, ".png")) throw std::invalid_argument(path + ": expected a name ending in .png or .jpg");
  check_image(path, image);
  std::vector<uint8_t> bytes;
  const std::vector<int> settings =
      jpeg ? std::vector<int>{cv::IMWRITE_JPEG_QUALITY, jpeg_quality} : std::vector<int>{};
  if (!cv::imencode(jpeg ? ".jpg" : ".png", as_mat(image.pixels.data(), image.height, image.width, image.channels),
                    bytes, settings)) {
    throw std::runtime_error(path + ": cannot encode the image");
  }
  write_file_atomically(path, bytes);
}

}  // namespace avsr::io
