// Damaged video, for tests of how much a recogniser leans on its picture. All change the frames in place and keep their
// number and size.
#pragma once

#include "io/clip.h"
#include "preprocessing/random.h"

namespace avsr::preprocessing {

// Gaussian blur; sigma in pixels of the frames, above 0.
void blur(io::Frames& frames, double sigma);

// A square of the clip's mean grey that covers `share` (0 to 1) of every frame's area, at one random place.
void occlude(io::Frames& frames, double share, Random random);

// Each frame but the first is lost with this probability (0 to 1) and shows the one before it.
void drop_frames(io::Frames& frames, double probability, Random random);

}  // namespace avsr::preprocessing
