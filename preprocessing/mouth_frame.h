// The mouth in one frame of a video.
#pragma once

#include <cstdint>
#include <vector>

#include "preprocessing/mouth_crop.h"

namespace avsr::preprocessing {

struct PosedFrame;

struct MouthFrame {
  int64_t index = 0;          // of the frame, counted from 0 in the order of push
  int track = 0;              // number of the face's track, from 1, where faces are told apart; else 0
  bool face = false;          // false: no face here or near: crop is black, pose meaningless
  bool interpolated = false;  // the face was not seen in this frame
  bool outside = false;       // the crop leaves the image
  MouthPose pose;
  Landmarks landmarks;
  std::vector<uint8_t> crop;  // size x size
  bool new_shot = false;      // behind a scene cut, or another face than in the frame before
};

// Cuts it out of the frame's grey image.
MouthFrame cut_mouth(const PosedFrame& posed, const uint8_t* pixels, int height, int width, int size);

// A black crop that shows no face.
MouthFrame no_mouth(int64_t index, int size);

}  // namespace avsr::preprocessing
