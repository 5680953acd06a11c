// From a decoded picture in any pixel format to blue, green and red, upright.
#pragma once

#include <cstdint>
#include <vector>

#include "io/luma.h"

namespace avsr::io {

class ColourConverter {
 public:
  explicit ColourConverter(Orientation orientation) : orientation_(orientation) {}

  // out: (height, width, 3), BGR; the picture is scaled to this size. Throws std::runtime_error for a format that
  // swscale does not know.
  void convert(const AVFrame& frame, uint8_t* out, int width, int height);

 private:
  Orientation orientation_;
  ffmpeg::Scaler scaler_;
  std::vector<uint8_t> stored_;
};

}  // namespace avsr::io
