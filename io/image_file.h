// JPEG and PNG, in memory and on disk.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace avsr::io {

// One image, row-major, contiguous.
struct Image {
  int height = 0, width = 0, channels = 1;  // 1 grey, 3 BGR
  std::vector<uint8_t> pixels;              // (H, W, channels)

  uint8_t* at(int row, int column) { return pixels.data() + (static_cast<size_t>(row) * width + column) * channels; }
  const uint8_t* at(int row, int column) const {
    return pixels.data() + (static_cast<size_t>(row) * width + column) * channels;
  }
};

constexpr int kMaxJpegHeight = 65500;  // of libjpeg

// pixels: (height, width). Throws std::invalid_argument beyond kMaxJpegHeight.
std::vector<uint8_t> encode_grey_jpeg(const uint8_t* pixels, int height, int width, int quality = 95);
// Throws std::invalid_argument on an image without pixels, or with others than its size says.
std::vector<uint8_t> encode_png(const Image& image);
// Any image OpenCV reads, as grey or BGR. `name` is for the error text (std::runtime_error) only.
Image decode_image(std::span<const uint8_t> bytes, int channels, const std::string& name = "image");

// .png or .jpg by the name's ending, atomically.
void write_image(const std::string& path, const Image& image, int jpeg_quality = 95);

}  // namespace avsr::io
