// From a decoded picture in any pixel format to full-range grey, upright.
#pragma once

#include <cstdint>
#include <vector>

#include "io/ffmpeg_handles.h"

namespace avsr::io {

// How to get from the stored picture to the upright one: out(row, column) = stored(row, column), (…)
struct Orientation {
  bool transpose = false;                        // first swap rows and columns,
  bool flip_rows = false, flip_columns = false;  // then mirror
  int clockwise_degrees() const;                 // 0, 90, 180, 270; of a mirrored picture, the turn alone
};

// From a display matrix (null: upright), rounded to the nearest quarter turn.
Orientation orientation_of(const int32_t* display_matrix);

// Converts picture after picture of one track to the size of the first.
class LumaConverter {
 public:
  explicit LumaConverter(Orientation orientation) : orientation_(orientation) {}

  // out: height x width of the upright first picture. Throws std::runtime_error for a format swscale does not know.
  // True unless this picture's own size differs from the first one's (it is then scaled).
  bool convert(const AVFrame& frame, uint8_t* out, int width, int height);

 private:
  void to_stored_grey(const AVFrame& frame, uint8_t* out);
  void scale(const AVFrame& frame, uint8_t* out, int width, int height, AVPixelFormat from, const uint8_t* const* data,
             const int* stride);

  Orientation orientation_;
  ffmpeg::Scaler scaler_;
  std::vector<uint8_t> stored_, resized_;
};

}  // namespace avsr::io
