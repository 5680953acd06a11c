#include "io/colour_converter.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace avsr::io {

void ColourConverter::convert(const AVFrame& frame, uint8_t* out, int width, int height) {
  const int stored_width = orientation_.transpose ? height : width,
            stored_height = orientation_.transpose ? width : height;
  const AVPixelFormat from = static_cast<AVPixelFormat>(frame.format);
  scaler_.reset(sws_getCachedContext(scaler_.release(), frame.width, frame.height, from, stored_width, stored_height,
                                     AV_PIX_FMT_BGR24, SWS_BILINEAR | SWS_ACCURATE_RND, nullptr, nullptr, nullptr));
  if (!scaler_) {
    const char* name = av_get_pix_fmt_name(from);
    throw std::runtime_error(std::string("cannot convert pixel format ") + (name ? name : "?") + " to colours");
  }
  const bool upright = !orientation_.transpose && !orientation_.flip_rows && !orientation_.flip_columns;
  stored_.resize(upright ? 0 : static_cast<size_t>(width) * height * 3);
  uint8_t* target[4] = {upright ? out : stored_.data()};
  const int stride[4] = {stored_width * 3};
  sws_scale(scaler_.get(), frame.data, frame.linesize, 0, frame.height, target, stride);
  if (upright) return;
  for (int row = 0; row < height; ++row) {
    const int r = orientation_.flip_rows ? height - 1 - row : row;
    for (int column = 0; column < width; ++column, out += 3) {
      const int c = orientation_.flip_columns ? width - 1 - column : column;
      const size_t at = orientation_.transpose ? static_cast<size_t>(c) * stored_width + r
                                               : static_cast<size_t>(r) * stored_width + c;
      std::copy_n(stored_.data() + at * 3, 3, out);
    }
  }
}

}  // namespace avsr::io
