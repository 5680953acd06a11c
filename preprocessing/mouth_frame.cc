#include "preprocessing/mouth_frame.h"

#include "preprocessing/crop_warp.h"
#include "preprocessing/pose_track.h"

namespace avsr::preprocessing {

MouthFrame no_mouth(int64_t index, int size) {
  MouthFrame frame;
  frame.index = index;
  frame.crop.resize(static_cast<size_t>(size) * size);
  return frame;
}

MouthFrame cut_mouth(const PosedFrame& posed, const uint8_t* pixels, int height, int width, int size) {
  MouthFrame frame = no_mouth(posed.index, size);
  frame.face = posed.face;
  frame.interpolated = posed.interpolated;
  frame.new_shot = posed.new_shot;
  frame.pose = posed.pose;
  frame.landmarks = posed.landmarks;
  if (posed.face) {
    frame.outside = leaves_image(posed.pose, size, height, width);
    warp_crop(pixels, height, width, posed.pose, size, frame.crop.data());
  }
  return frame;
}

}  // namespace avsr::preprocessing
