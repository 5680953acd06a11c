// By how much a file's sound is late, measured before it is transcribed.
#pragma once

#include <memory>
#include <string>

#include "pipeline/data/crop_rule.h"
#include "preprocessing/av_offset.h"
#include "preprocessing/mouth_source.h"

namespace avsr::pipeline {

// From the first 5 minutes at most (preprocessing/av_offset.h). Nothing is certain of a file without video or without
// sound. Throws as MediaReader does.
preprocessing::AvOffset measure_offset(const std::string& path, const CropRule& rule,
                                       const std::shared_ptr<const preprocessing::FaceModel>& face_model,
                                       const preprocessing::FaceChoice& face, bool allow_damaged);

}  // namespace avsr::pipeline
