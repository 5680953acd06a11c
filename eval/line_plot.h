// Lines over steps, epochs or rates, as SVG for a web page.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace avsr::eval {

struct LinePlot {
  struct Line {
    std::string title;
    std::vector<std::pair<double, double>>
        points;        // those that are not finite, or that a logarithm has not, are left out
    bool dots = true;  // each point is marked
  };
  std::string title, x_label, y_label;
  bool log_x = false, log_y = false;
  std::optional<std::pair<double, double>> y_range;
  std::optional<double> mark_x;  // a vertical line
  std::vector<Line> lines;
};

// The gnuplot program that draws plot i to `files[i]`.
std::string line_plots_program(const std::vector<LinePlot>& plots, const std::vector<std::string>& files);

// Each plot as an <svg> element, drawn by one run of gnuplot; empty where a plot has no point. Throws
// std::runtime_error when gnuplot is not installed or fails.
std::vector<std::string> draw_line_plots(const std::vector<LinePlot>& plots);

}  // namespace avsr::eval
