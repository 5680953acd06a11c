// A clip's metadata as JSON: the content of <key>.json and of the index.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "io/clip.h"

namespace avsr::io {

struct ClipMetadata {
  Clip clip;  // without pixels and samples; mouth's count, height and width are set
  int64_t samples = 0;
  std::map<std::string, uint32_t> crc32;  // of each other member, by its ending (".flac")
};

nlohmann::json to_json(const ClipMetadata& metadata);
// Missing optional entries become empty. `where` begins the text of the std::runtime_error for what is wrong.
ClipMetadata clip_from_json(const nlohmann::json& json, const std::string& where);

}  // namespace avsr::io
