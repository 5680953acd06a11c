// How mouths are cut out of frames: chosen at `prepare`, stored in dataset.json and in the model file, repeated at
// transcription.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "io/clip.h"
#include "preprocessing/mouth_crop.h"

namespace avsr::pipeline {

struct CropRule {
  std::string method = "tracked";  // or "fixed"
  preprocessing::CropBox box;      // of "fixed"
  // Of "fixed": size of the frames in which the box holds the mouth; 0: not known (a corpus without video).
  int source_height = 0, source_width = 0;
  preprocessing::TrackedCropSettings tracked;

  void validate() const;  // throws std::invalid_argument
  bool needs_face_model() const { return method == "tracked"; }
  bool fits(int height, int width) const;  // whether it finds the mouth in frames of this size
};

// Only what changes the geometry of the crops: {"method", "top", "left", "height", "width", and where known
// "source_height", "source_width"} or {"method", "size", "mouth_scale", "smoothing_radius"}.
nlohmann::json to_json(const CropRule& rule);
CropRule crop_rule_from_json(const nlohmann::json& json);  // throws std::runtime_error naming what is wrong

// model may be null for a fixed box. Frames that the rule does not fit have the reason "other_size".
preprocessing::MouthClip crop(const CropRule& rule, const io::Frames& frames,
                              const std::shared_ptr<const preprocessing::FaceModel>& model);

}  // namespace avsr::pipeline
