// What a transcript says, drawn on a frame: the words as a subtitle, the mouth's box, how sure the model is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "preprocessing/mouth_crop.h"

namespace avsr::preprocessing {

struct Overlay {
  std::optional<MouthPose> mouth;    // in pixels of the image that is drawn on
  int crop_size = 96;                // pixels of the crop: with the pose, the box
  std::string caption;               // one line at the bottom; what is not ASCII is drawn as "?" (OpenCV's fonts)
  std::string word;                  // said in this frame, above the caption
  std::optional<double> confidence;  // of the word, 0 … 1: a bar below it, and the colour of the box
};

// bgr: (height, width, 3), row-major. Without a word the box is grey; else from orange (0) to blue (1), which people
// who do not see red or green tell apart.
void draw_overlay(uint8_t* bgr, int height, int width, const Overlay& overlay);

}  // namespace avsr::preprocessing
