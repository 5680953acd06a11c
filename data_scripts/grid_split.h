// The split of GRID's speaker s1 into 700 / 100 / 100 sentences by which our results can be repeated.
#pragma once

#include <string>

namespace avsr::data_scripts {

// Lines `s1/<id>` of "train", "val" or "test" (data_scripts/grid_split/*.txt); empty for any other split.
const char* grid_split(const std::string& split);

}  // namespace avsr::data_scripts
