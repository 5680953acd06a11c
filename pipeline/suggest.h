// Suggestions for mistyped names.
#pragma once

#include <string>
#include <vector>

namespace avsr::pipeline {

// What the user may have meant: the names nearest to `given` by edit distance, best first, none farther than
// half of its letters or 3 edits.
std::vector<std::string> nearest_names(const std::string& given, const std::vector<std::string>& names);

}  // namespace avsr::pipeline
