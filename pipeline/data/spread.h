// Some of many clips, evenly spread over all.
#pragma once

#include <string>
#include <vector>

#include "io/clip.h"

namespace avsr::pipeline {

// Indices of `most` of `count` things (of all where they are fewer), in order, evenly spread.
std::vector<int> spread(int count, int most);

// The middle frames of at most `most` clips spread over a prepared folder: those with a mouth, of the first one's size.
// Empty when no clip has one.
io::Frames sample_mouths(const std::string& folder, int most);

}  // namespace avsr::pipeline
