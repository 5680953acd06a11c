// Transcripts to look at: a video with the words burnt in, and a page with a player.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/batch/mouth_path.h"
#include "pipeline/recognition/transcript.h"

namespace avsr::pipeline {

inline constexpr const char* kOverlay = "overlay";  // as BatchSettings::pictures names them
inline constexpr const char* kPage = "html";

struct PictureSettings {
  bool overlay = false, page = false;
  std::optional<CropRule> crop;  // of the model that looks; none: no mouth is shown
  std::shared_ptr<const preprocessing::FaceModel> face_model;
};

// STEM.overlay.mp4 (of files with a picture) and STEM.html, with STEM.page.mp4 beside it where browsers do not play the
// file itself. Returns the endings of what was written. Throws std::runtime_error naming the file.
std::vector<std::string> draw_pictures(const Transcript& transcript, const std::string& stem,
                                       const PictureSettings& settings);

}  // namespace avsr::pipeline
