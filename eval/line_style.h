// How the lines of one plot look apart from each other.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace avsr::eval {

// "rgb '#0072B2'": for the i-th line the i-th of the colours that colour-blind eyes tell apart and that show on white
// (Okabe and Ito 2008).
std::string line_colour(size_t i);

// "linecolor … dashtype … pointtype …": besides, dashes and a marker of its own, for print in grey. The first 56 are
// all different.
std::string line_style(size_t i);

// Where the lines are named: above the plot, in as many columns as a picture of that width has room for; nowhere for
// a single line.
struct LineKey {
  std::string place;  // for "set key"
  int height = 0;     // pixels that it needs
};
LineKey key_above(const std::vector<std::string>& titles, int width);

}  // namespace avsr::eval
