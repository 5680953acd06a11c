// What `prepare` reports about the clips it has seen.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "io/clip.h"

namespace avsr::pipeline {

// One clip's line of quality.jsonl.
struct QualityRow {
  std::string key, split, media;
  std::string method;              // of the crop
  std::string reason;              // CropQuality's, or "unreadable", "no_video", "no_audio"
  std::string error;               // of an unreadable clip
  std::vector<std::string> notes;  // of the media reader
  int frames = 0, frames_without_face = 0, frames_outside = 0;
  double source_fps = 0;
  bool packed = true;
};
nlohmann::json to_json(const QualityRow& row);
QualityRow quality_row_from_json(const nlohmann::json& json);

std::map<std::string, int64_t> count_reasons(const std::vector<QualityRow>& rows);

// quality.json, quality.jsonl, quality.html and contact_sheet.png in the folder, whose shards must be complete.
void write_quality_report(const std::string& folder, const std::vector<QualityRow>& rows);

}  // namespace avsr::pipeline
