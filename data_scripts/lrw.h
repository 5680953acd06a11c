// The LRW layout: <root>/<WORD>/{train,val,test}/<WORD>_00001.mp4 with a .txt beside each clip.
#pragma once

#include <filesystem>
#include <vector>

#include "data_scripts/sources.h"

namespace avsr::data_scripts {

inline constexpr double kLrwClipSeconds = 1.16;  // 29 frames

struct LrwText {
  double duration_seconds = 0;  // of the word; 0 when the file has no such line
  std::string speaker;          // only the synthetic corpus gives it
};

// Reads the `Key: value` lines beside a clip. Throws std::runtime_error with file and line for a malformed Duration.
LrwText read_lrw_text(const std::filesystem::path& path);

// Whether root has at least one <WORD>/<split> folder.
bool looks_like_lrw(const std::filesystem::path& root);

// Every .mp4 below root; the word lies in the middle of the 1.16 s clip for the length that .txt gives (a clip
// without .txt has no word times). Throws std::runtime_error when there is no clip at all; problems: see
// list_sources().
std::vector<Source> list_lrw(const std::filesystem::path& root, Problems* problems = nullptr);

}  // namespace avsr::data_scripts
