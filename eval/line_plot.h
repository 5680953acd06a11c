// Lines over steps, epochs, rates or shares, as SVG for a web page.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "eval/gnuplot.h"

namespace avsr::eval {

struct LinePlot {
  struct Line {
    std::string title;
    std::vector<std::pair<double, double>>
        points;        // those that are not finite, or that a logarithm has not, are left out
    bool dots = true;  // each point is marked
  };
  // A vertical line, and what stands beside its upper end.
  struct Mark {
    double x = 0;
    std::string text;
  };
  std::string title, x_label, y_label;
  bool log_x = false, log_y = false;
  std::optional<std::pair<double, double>> x_range, y_range;
  std::vector<Mark> marks;
  std::vector<Line> lines;
};

// Nothing to be drawn where no line has a point.
SvgPlot line_plot_program(const LinePlot& plot);

// Each plot as an <svg> element, drawn by one run of gnuplot; empty where a plot has no point. Throws
// std::runtime_error when gnuplot is not installed or fails.
std::vector<std::string> draw_line_plots(const std::vector<LinePlot>& plots);

}  // namespace avsr::eval
