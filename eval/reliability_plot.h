// The reliability diagram: how often a system is right among the clips of which it is equally sure.
#pragma once

#include <span>

#include "eval/calibration.h"
#include "eval/gnuplot.h"

namespace avsr::eval {

// A bar for each bin that has clips, as high as its accuracy, with the number of clips above it; the mean confidence of
// its clips is a point at the same height, which lies on the diagonal where the system is as often right as it says.
// Nothing to be drawn where no bin has clips.
SvgPlot reliability_plot(std::span<const ReliabilityBin> bins);

}  // namespace avsr::eval
