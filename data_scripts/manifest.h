// A corpus of one's own, described by a table: CSV with a header line, or one JSON object a line.
#pragma once

#include <filesystem>
#include <vector>

#include "data_scripts/sources.h"

namespace avsr::data_scripts {

// Columns (or keys): path (relative to the manifest's folder), split (train, val, test, other), and either label
// (one word, for word clips) or transcript (a sentence); optional: speaker, start, end (seconds in the media file),
// key (at most io::kMaxKeyLength characters; the path otherwise). Unknown columns are refused, so that a misspelt one
// is not silently ignored, and so is one that stands twice. Texts are UTF-8. A transcript gives its words no times, and
// without them word models learn nothing from a clip. Throws std::runtime_error naming file, line, what was expected
// and what was found.
std::vector<Source> list_manifest(const std::filesystem::path& manifest, Problems* problems = nullptr);

}  // namespace avsr::data_scripts
