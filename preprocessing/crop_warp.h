// Cutting one turned and scaled crop out of an image.
#pragma once

#include <cstdint>

#include "preprocessing/mouth_crop.h"

namespace avsr::preprocessing {

// Whether a corner of the crop lies more than a pixel outside the image.
bool leaves_image(const MouthPose& pose, int size, int height, int width);

// out: size x size. Bilinear; where the crop shrinks the source, the source is area-averaged first. Beyond the image
// the nearest pixel is repeated.
void warp_crop(const uint8_t* pixels, int height, int width, const MouthPose& pose, int size, uint8_t* out);

}  // namespace avsr::preprocessing
