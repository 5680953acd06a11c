#include "eval/line_plot.h"

#include <fmt/format.h>

#include <cmath>

#include "eval/line_style.h"

namespace avsr::eval {
namespace {

std::string drawable_points(const LinePlot& plot, const LinePlot::Line& line) {
  std::string text;
  for (const auto& [x, y] : line.points)
    if (std::isfinite(x) && std::isfinite(y) && (!plot.log_x || x > 0) && (!plot.log_y || y > 0))
      text += fmt::format("{} {}\n", x, y);
  return text;
}

}  // namespace

SvgPlot line_plot_program(const LinePlot& plot) {
  std::string curves, data;
  for (size_t i = 0; i < plot.lines.size(); ++i) {
    const LinePlot::Line& line = plot.lines[i];
    const std::string points = drawable_points(plot, line);
    if (points.empty()) continue;
    curves += fmt::format("{}'-' using 1:2 with {} linewidth 2 {} title {}", curves.empty() ? "" : ", ",
                          line.dots ? "linespoints pointsize 0.4" : "lines", line_style(i), gnuplot_quoted(line.title));
    data += points + "e\n";
  }
  if (curves.empty()) return {};
  std::vector<std::string> titles;
  for (const LinePlot::Line& line : plot.lines) titles.push_back(line.title);
  const LineKey key = key_above(titles, 560);
  std::string program = fmt::format(
      "set title {}\nset xlabel {}\nset ylabel {}\nset grid\nset key {}\nset format '%g'\n"
      "set offsets graph 0.03, graph 0.03\n",
      gnuplot_quoted(plot.title), gnuplot_quoted(plot.x_label), gnuplot_quoted(plot.y_label), key.place);
  if (plot.log_x) program += "set logscale x\n";
  if (plot.log_y) program += "set logscale y\n";
  if (plot.x_range) program += fmt::format("set xrange [{}:{}]\n", plot.x_range->first, plot.x_range->second);
  if (plot.y_range) program += fmt::format("set yrange [{}:{}]\n", plot.y_range->first, plot.y_range->second);
  for (const LinePlot::Mark& mark : plot.marks)
    program += fmt::format(
        "set arrow from {0}, graph 0 to {0}, graph 1 nohead linewidth 2 dashtype 2\n"
        "set label {1} at {0}, graph 0.06 offset 0.5, 0\n",
        mark.x, gnuplot_quoted(mark.text));
  return {fmt::format("{}plot {}\n{}", program, curves, data), 560, 330 + key.height};
}

std::vector<std::string> draw_line_plots(const std::vector<LinePlot>& plots) {
  std::vector<SvgPlot> programs;
  for (const LinePlot& plot : plots) programs.push_back(line_plot_program(plot));
  return draw_svgs(programs, plots.empty() ? "nothing" : plots.front().title);
}

}  // namespace avsr::eval
