#include "eval/line_style.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace avsr::eval {
namespace {

constexpr std::array<const char*, 7> kColours{"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                              "#000000", "#E69F00", "#56B4E9"};
constexpr std::array<int, 4> kDashes{1, 2, 4, 5};                 // solid, dashes, dashes and dots, dashes and two dots
constexpr std::array<int, 8> kMarkers{7, 5, 9, 13, 11, 6, 4, 8};  // filled circle, square, triangle, …, then open ones

}  // namespace

std::string line_colour(size_t i) { return fmt::format("rgb '{}'", kColours[i % kColours.size()]); }

std::string line_style(size_t i) {
  return fmt::format("linecolor {} dashtype {} pointtype {}", line_colour(i), kDashes[i % kDashes.size()],
                     kMarkers[i % kMarkers.size()]);
}

LineKey key_above(const std::vector<std::string>& titles, int width) {
  if (titles.size() < 2) return {"off", 0};
  size_t longest = 0;
  for (const std::string& title : titles) longest = std::max(longest, title.size());
  // Estimates for a font of 12 points, as gnuplot's own: the plot without its axis, a title with the sample of its
  // line.
  const int plot_width = width - 100, title_width = 60 + 15 * static_cast<int>(longest) / 2;
  const int columns = std::clamp(plot_width / title_width, 1, 3), lines = static_cast<int>(titles.size());
  return {fmt::format("above maxcols {}", columns), 18 * ((lines + columns - 1) / columns)};
}

}  // namespace avsr::eval
