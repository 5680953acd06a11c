// What a layer of a model makes of every clip of a split: features for other programs and classifiers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "pipeline/recognition/recognizer.h"
#include "pipeline/reporter.h"

namespace avsr::pipeline {

struct ExtractSettings {
  std::string data, split = "test";
  std::string layer;  // a path such as video/embed
  // X.npz, X.safetensors (all of it is held in memory until it is written), or a folder that gets features-000000.npz,
  // … of clips_per_file clips each.
  std::filesystem::path out;
  int clips_per_file = 1000;
  int batch = 16, workers = 0;
  double cache_gb = 0;  // memory for decoded clips, in GB; 0: half of what there is

  // Throws std::invalid_argument for an `out` of another ending, std::runtime_error for a folder that holds feature
  // files already: those of a longer run would stay beside the new ones.
  void check_out() const;
};

struct ExtractResult {
  int64_t clips = 0;
  int width = 0;  // D
};

// Note [Feature files]
// An .npz holds features/KEY (T, D) f32 for each clip, one row for each 40 ms step, and, in the order of the clips,
// keys (N), lengths (N), labels (N: index in words) and words. A .safetensors holds one tensor KEY (T, D) for each clip
// and as metadata "layer" and the JSON texts "labels" (key -> word) and "lengths" (key -> T).

// Clips as they are (no augmentation, no noise), in the order of the data set, labelled by its own words. Throws
// std::invalid_argument when the model has no such layer, std::runtime_error when it does not fit the data; and as
// check_out().
ExtractResult extract_features(Recognizer& model, const ExtractSettings& settings, const Tick& tick = {});

}  // namespace avsr::pipeline
