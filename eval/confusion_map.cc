#include "eval/confusion_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace avsr::eval {
namespace {

constexpr size_t kMostCounted = 20;  // labels of a picture with numbers in its cells
constexpr double kDarkShare = 45;    // percent; from here on numbers are white

std::string tics_of(const std::vector<std::string>& names, const std::vector<int>& shown) {
  std::string tics;
  for (size_t i = 0; i < shown.size(); ++i)
    tics += fmt::format("{}{} {}", i ? ", " : "", gnuplot_quoted_tic(names.at(static_cast<size_t>(shown[i]))), i);
  return tics;
}

struct Cells {
  std::string shares;       // "column row percent"
  std::string light, dark;  // "column row count"
};

Cells cells_of(const ConfusionMatrix& matrix, const std::vector<int>& shown) {
  Cells cells;
  for (size_t row = 0; row < shown.size(); ++row) {
    int64_t clips = 0;
    for (int heard = 0; heard < matrix.labels; ++heard) clips += matrix.at(shown[row], heard);
    for (size_t column = 0; column < shown.size(); ++column) {
      const int64_t count = matrix.at(shown[row], shown[column]);
      if (count == 0) continue;
      const double percent = 100.0 * static_cast<double>(count) / static_cast<double>(clips);
      cells.shares += fmt::format("{} {} {:.2f}\n", column, row, percent);
      (percent < kDarkShare ? cells.light : cells.dark) += fmt::format("{} {} {}\n", column, row, count);
    }
  }
  return cells;
}

}  // namespace

std::vector<int> labels_to_show(const ConfusionMatrix& matrix, int most) {
  std::vector<int64_t> wrong(static_cast<size_t>(matrix.labels)), seen(wrong.size());
  for (int said = 0; said < matrix.labels; ++said)
    for (int heard = 0; heard < matrix.labels; ++heard)
      for (const int label : {said, heard}) {
        seen[static_cast<size_t>(label)] += matrix.at(said, heard);
        if (said != heard) wrong[static_cast<size_t>(label)] += matrix.at(said, heard);
      }
  std::vector<int> shown(wrong.size());
  std::iota(shown.begin(), shown.end(), 0);
  std::erase_if(shown, [&](int label) { return seen[static_cast<size_t>(label)] == 0; });
  if (shown.size() > static_cast<size_t>(most)) {
    std::stable_sort(shown.begin(), shown.end(),
                     [&](int a, int b) { return wrong[static_cast<size_t>(a)] > wrong[static_cast<size_t>(b)]; });
    shown.resize(static_cast<size_t>(most));
    std::sort(shown.begin(), shown.end());
  }
  return shown;
}

SvgPlot confusion_map(const ConfusionMatrix& matrix, const std::vector<std::string>& names,
                      const std::vector<int>& shown) {
  const Cells cells = cells_of(matrix, shown);
  if (cells.shares.empty()) return {};
  const std::string tics = tics_of(names, shown);
  const bool counted = shown.size() <= kMostCounted;
  std::string program = fmt::format(
      "set xlabel 'recognised as'\nset ylabel 'said'\nset xrange [-0.5:{0}]\nset yrange [{0}:-0.5]\n"
      "set xtics rotate by 90 right font ',{1}' ({2})\nset ytics font ',{1}' ({2})\nset tics scale 0.3 out nomirror\n"
      "set grid back linecolor rgb '#dddddd'\nset key off\nset style fill solid noborder\nset cbrange [0:100]\n"
      "set palette maxcolors 20 defined (0 '#d6e6f4', 50 '#4a98c9', 100 '#08306b')\n"
      "set cblabel 'share of the clips of the word said (%)'\n"
      "plot '-' using 1:2:(0.5):(0.5):3 with boxxyerror linecolor palette",
      static_cast<double>(shown.size()) - 0.5, shown.size() > 30 ? 9 : 11, tics);
  if (counted && !cells.light.empty()) program += ", '-' using 1:2:3 with labels textcolor rgb '#000000'";
  if (counted && !cells.dark.empty()) program += ", '-' using 1:2:3 with labels textcolor rgb '#ffffff'";
  program += fmt::format("\n{}e\n", cells.shares);
  if (counted && !cells.light.empty()) program += fmt::format("{}e\n", cells.light);
  if (counted && !cells.dark.empty()) program += fmt::format("{}e\n", cells.dark);
  const int side = static_cast<int>(shown.size()) * (counted ? 28 : 14);
  return {program, std::max(420, side + 210), std::max(320, side + 110)};
}

}  // namespace avsr::eval
