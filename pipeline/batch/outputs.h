// Where the results of each file go.
#pragma once

#include <string>
#include <vector>

#include "pipeline/batch/inputs.h"

namespace avsr::pipeline {

// For each file the path below the output folder that its results have, without ending: the input's own relative path
// without its ending, "2024/talk" for 2024/talk.mp4. Files that would share it, or take one of the names in `taken`,
// keep their ending ("talk.mp4", "talk.mkv"), then get the name of their folder before them, then a number, so that no
// two are equal. They depend on the set of files alone, not on their order.
std::vector<std::string> output_stems(const std::vector<InputFile>& files, const std::vector<std::string>& taken);

}  // namespace avsr::pipeline
