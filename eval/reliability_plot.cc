#include "eval/reliability_plot.h"

#include <fmt/format.h>

#include <string>

namespace avsr::eval {

SvgPlot reliability_plot(std::span<const ReliabilityBin> bins) {
  std::string bars, points, counts;
  for (const ReliabilityBin& bin : bins) {
    if (bin.clips == 0) continue;
    const double middle = 50 * (bin.low + bin.high), accuracy = 100 * bin.accuracy.value();
    bars += fmt::format("{:.3f} {:.3f} {:.3f}\n", middle, accuracy, 100 * (bin.high - bin.low));
    points += fmt::format("{:.3f} {:.3f}\n", 100 * bin.confidence.value(), accuracy);
    counts += fmt::format("{:.3f} {:.3f} {}\n", middle, accuracy, bin.clips);
  }
  if (bars.empty()) return {};
  return {fmt::format(
      "set xlabel 'confidence (%)'\nset ylabel 'accuracy (%)'\nset xrange [0:100]\nset yrange [0:108]\nset grid\n"
      "set key above\nset style fill solid 0.35 border\n"
      "plot '-' using 1:2:3 with boxes linecolor rgb '#56B4E9' title 'clips of the bin', "
      "x with lines linewidth 2 dashtype 2 linecolor rgb '#555555' title 'as often right as sure', "
      "'-' using 1:2 with points pointtype 7 pointsize 0.8 linecolor rgb '#D55E00' title 'mean confidence', "
      "'-' using 1:2:3 with labels font ',9' offset 0, 0.6 notitle\n{}e\n{}e\n{}e\n",
      bars, points, counts)};
}

}  // namespace avsr::eval
