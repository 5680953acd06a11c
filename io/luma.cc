#include "io/luma.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace avsr::io {

namespace {

// Limited-range luma (16 black, 235 white; ITU-R BT.601/709) to full range: round((y - 16) x 255 / 219), clamped. In a
// form that compilers turn into 16-bit vector code: t x 255 / 219 = t + t x 36 / 219, and (t + 3) x 10775 / 65536
// rounds the second part right for all t from 0 to 219.
inline uint8_t expand(int y) {
  const uint16_t t = static_cast<uint16_t>(std::clamp(y, 16, 235) - 16);
  return static_cast<uint8_t>(t + ((static_cast<uint32_t>(t + 3) * 10775u) >> 16));
}

bool is_full_range(const AVFrame& frame) {
  if (frame.color_range == AVCOL_RANGE_JPEG) return true;
  if (frame.color_range == AVCOL_RANGE_MPEG) return false;
  switch (frame.format) {  // formats that mean full range by themselves
    case AV_PIX_FMT_YUVJ420P:
    case AV_PIX_FMT_YUVJ422P:
    case AV_PIX_FMT_YUVJ444P:
    case AV_PIX_FMT_YUVJ440P:
    case AV_PIX_FMT_YUVJ411P:
      return true;
    default:
      return av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format))->nb_components <= 2;  // grey, grey + alpha
  }
}

// Whether component 0 is luma in whole bytes of this machine's order, 8 to 16 bits deep.
bool has_plain_luma(AVPixelFormat format, const AVPixFmtDescriptor& desc) {
  constexpr uint64_t kOther = AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_HWACCEL |
                              AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_BAYER;
  if ((desc.flags & kOther) || format == AV_PIX_FMT_XYZ12LE || format == AV_PIX_FMT_XYZ12BE) return false;
  const AVComponentDescriptor& luma = desc.comp[0];
  if (luma.depth == 8) return luma.shift == 0;
  return luma.depth > 8 && luma.depth <= 16 && luma.step % 2 == 0 && luma.offset % 2 == 0 &&
         !(desc.flags & AV_PIX_FMT_FLAG_BE);
}

template <bool kFullRange>
void copy_row(const uint8_t* in, const AVComponentDescriptor& luma, int width, uint8_t* out) {
  if (luma.depth > 8) {
    const int drop = luma.shift + luma.depth - 8, step = luma.step / 2;
    const uint16_t* wide = reinterpret_cast<const uint16_t*>(in);
    for (int column = 0; column < width; ++column) {
      const int y = (wide[column * step] >> drop) & 0xff;
      out[column] = kFullRange ? static_cast<uint8_t>(y) : expand(y);
    }
  } else if (luma.step == 1) {  // the common case, without the stride that hinders vectorisation
    for (int column = 0; column < width; ++column) out[column] = kFullRange ? in[column] : expand(in[column]);
  } else {
    for (int column = 0; column < width; ++column)
      out[column] = kFullRange ? in[column * luma.step] : expand(in[column * luma.step]);
  }
}

void copy_luma(const AVFrame& frame, const AVComponentDescriptor& luma, bool full_range, uint8_t* out) {
  for (int row = 0; row < frame.height; ++row, out += frame.width) {
    const uint8_t* in = frame.data[luma.plane] + static_cast<ptrdiff_t>(row) * frame.linesize[luma.plane] + luma.offset;
    if (full_range) {
      copy_row<true>(in, luma, frame.width, out);
    } else {
      copy_row<false>(in, luma, frame.width, out);
    }
  }
}

// in: stored_height x stored_width.
void orient(const uint8_t* in, int stored_width, int stored_height, Orientation how, uint8_t* out) {
  const int width = how.transpose ? stored_height : stored_width, height = how.transpose ? stored_width : stored_height;
  for (int row = 0; row < height; ++row) {
    const int r = how.flip_rows ? height - 1 - row : row;
    for (int column = 0; column < width; ++column) {
      const int c = how.flip_columns ? width - 1 - column : column;
      *out++ =
          how.transpose ? in[static_cast<size_t>(c) * stored_width + r] : in[static_cast<size_t>(r) * stored_width + c];
    }
  }
}

}  // namespace

int Orientation::clockwise_degrees() const {
  if (transpose) return flip_columns ? 90 : 270;
  return flip_rows ? 180 : 0;
}

// FFmpeg's matrix maps stored to shown: x' = a x + c y, y' = b x + d y.
Orientation orientation_of(const int32_t* m) {
  Orientation how;
  if (!m) return how;
  const int32_t a = m[0], b = m[1], c = m[3], d = m[4];
  how.transpose = std::llabs(b) + std::llabs(c) > std::llabs(a) + std::llabs(d);
  how.flip_columns = (how.transpose ? c : a) < 0;
  how.flip_rows = (how.transpose ? b : d) < 0;
  return how;
}

void LumaConverter::scale(const AVFrame& frame, uint8_t* out, int width, int height, AVPixelFormat from,
                          const uint8_t* const* data, const int* stride) {
  SwsContext* context =
      sws_getCachedContext(scaler_.release(), frame.width, frame.height, from, width, height, AV_PIX_FMT_GRAY8,
                           SWS_BICUBIC | SWS_ACCURATE_RND, nullptr, nullptr, nullptr);
  scaler_.reset(context);
  if (!context) {
    const char* name = av_get_pix_fmt_name(from);
    throw std::runtime_error(std::string("cannot convert pixel format ") + (name ? name : "?") + " to grey");
  }
  const int* coefficients = sws_getCoefficients(SWS_CS_DEFAULT);
  sws_setColorspaceDetails(context, coefficients, is_full_range(frame) || from == AV_PIX_FMT_GRAY8, coefficients, 1, 0,
                           1 << 16, 1 << 16);
  uint8_t* target[4] = {out};
  const int target_stride[4] = {width};
  sws_scale(context, data, stride, 0, frame.height, target, target_stride);
}

void LumaConverter::to_stored_grey(const AVFrame& frame, uint8_t* out) {
  const AVPixelFormat format = static_cast<AVPixelFormat>(frame.format);
  const AVPixFmtDescriptor* desc = av_pix_fmt_desc_get(format);
  if (!desc) throw std::runtime_error("unknown pixel format");
  if (!has_plain_luma(format, *desc)) {
    scale(frame, out, frame.width, frame.height, format, frame.data, frame.linesize);
    return;
  }
  copy_luma(frame, desc->comp[0], is_full_range(frame), out);
}

bool LumaConverter::convert(const AVFrame& frame, uint8_t* out, int width, int height) {
  const int stored_width = orientation_.transpose ? height : width,
            stored_height = orientation_.transpose ? width : height;
  const bool same_size = frame.width == stored_width && frame.height == stored_height;
  const bool upright = !orientation_.transpose && !orientation_.flip_rows && !orientation_.flip_columns;
  if (same_size && upright) {
    to_stored_grey(frame, out);
    return true;
  }
  stored_.resize(static_cast<size_t>(frame.width) * frame.height);
  to_stored_grey(frame, stored_.data());
  const uint8_t* grey = stored_.data();
  if (!same_size) {
    resized_.resize(static_cast<size_t>(stored_width) * stored_height);
    const uint8_t* data[4] = {grey};
    const int stride[4] = {frame.width};
    scale(frame, resized_.data(), stored_width, stored_height, AV_PIX_FMT_GRAY8, data, stride);
    grey = resized_.data();
  }
  orient(grey, stored_width, stored_height, orientation_, out);
  return same_size;
}

}  // namespace avsr::io
