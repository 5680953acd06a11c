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
  preprocessing::TrackedCropSettings tracked;

  void validate() const;  // throws std::invalid_argument
  bool needs_face_model() const { return method == "tracked"; }
};

// Only what changes the geometry of the crops: {"method", "top", "left", "height", "width"} or {"method", "size",
// "mouth_scale", "smoothing_radius"}.
nlohmann::json to_json(const CropRule& rule);
CropRule crop_rule_from_json(const nlohmann::json& json);  // throws std::runtime_error naming what is wrong

// model may be null for a fixed box.
preprocessing::MouthClip crop(const CropRule& rule, const io::Frames& frames,
                              const std::shared_ptr<const preprocessing::FaceModel>& model);

}  // namespace avsr::pipeline
