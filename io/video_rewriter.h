// A file's video once more, with something drawn on it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace avsr::io {

struct RewriteOptions {
  int longest_side = 0;   // larger pictures are scaled down to this; 0: all stay as they are
  int crf = 20;           // libx264 quality, lower is better
  void validate() const;  // throws std::invalid_argument
};

// Frame k of the 25-per-second grid, (H, W, 3) in BGR, to be drawn on.
using DrawOn = std::function<void(int64_t frame, uint8_t* bgr, int height, int width)>;

// Writes the pictures of `from`, as MediaReader places them in time, to the mp4 `to`, with the sound that models hear
// (mono, 16 kHz). Sides are rounded to even numbers. Of a damaged file, what can be read. The file appears whole or not
// at all. Throws std::runtime_error naming the file where it has no video that can be decoded.
void rewrite_video(const std::string& from, const std::string& to, const RewriteOptions& options, const DrawOn& draw);

}  // namespace avsr::io
