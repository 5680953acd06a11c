#include "preprocessing/contact_sheet.h"

#include <fmt/format.h>

#include <cstring>
#include <stdexcept>

namespace avsr::preprocessing {

io::Frames contact_sheet(const io::Frames& frames, int columns, int most_tiles) {
  if (frames.count < 1 || columns < 1 || most_tiles < 0) {
    throw std::invalid_argument(
        fmt::format("[contact sheet] expected frames and at least one column, got {} and {}", frames.count, columns));
  }
  constexpr int kBorder = 1;
  const int every = most_tiles == 0 ? 1 : (frames.count + most_tiles - 1) / most_tiles;
  const int tiles = (frames.count + every - 1) / every;
  const int rows = (tiles + columns - 1) / columns;
  io::Frames sheet;
  sheet.count = 1;
  sheet.height = rows * (frames.height + 2 * kBorder);
  sheet.width = columns * (frames.width + 2 * kBorder);
  sheet.pixels.assign(sheet.frame_size(), 255);
  for (int i = 0; i < tiles; ++i) {
    const int top = i / columns * (frames.height + 2 * kBorder) + kBorder;
    const int left = i % columns * (frames.width + 2 * kBorder) + kBorder;
    for (int y = 0; y < frames.height; ++y) {
      std::memcpy(sheet.pixels.data() + static_cast<size_t>(top + y) * sheet.width + left,
                  frames.frame(i * every) + static_cast<size_t>(y) * frames.width, frames.width);
    }
  }
  return sheet;
}

}  // namespace avsr::preprocessing
