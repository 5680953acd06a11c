// Many small frames in one picture, to look at.
#pragma once

#include "io/clip.h"

namespace avsr::preprocessing {

// Tiles of (T, H, W) row by row, `columns` wide, with a thin border; takes every n-th frame so that at most
// `most_tiles` are shown (0 = all). Returns one grey image (1, rows * (H + 2) , columns * (W + 2)). Throws
// std::invalid_argument on no frames or columns < 1.
io::Frames contact_sheet(const io::Frames& frames, int columns, int most_tiles = 0);

}  // namespace avsr::preprocessing
