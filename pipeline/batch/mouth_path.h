// Where the mouth was in each frame of a file, and pictures of it, for those who look at a transcript.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/clip.h"
#include "pipeline/data/crop_rule.h"
#include "preprocessing/mouth_crop.h"

namespace avsr::pipeline {

struct MouthPath {
  int height = 0, width = 0;                                   // of the file's frames
  int crop_size = 0;                                           // pixels of the crop that a pose lays on the frame
  std::vector<std::optional<preprocessing::MouthPose>> poses;  // of each frame at 25 a second; none: no face
  io::Frames crops;                                            // of some frames, evenly spread
  std::vector<int64_t> crop_frames;                            // which
};

// Goes through the file once more, by the rule of the model that looked at it; of several faces it shows the largest.
// At most `most_crops` crops are kept. A file without video gives an empty path. Throws as MediaReader does; of a
// damaged file it takes what can be read.
MouthPath follow_mouth(const std::string& path, const CropRule& rule,
                       const std::shared_ptr<const preprocessing::FaceModel>& face_model, int most_crops);

}  // namespace avsr::pipeline
