#include "eval/line_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "eval/gnuplot.h"
#include "io/atomic_file.h"
#include "io/temporary_folder.h"

namespace avsr::eval {
namespace {

std::string drawable_points(const LinePlot& plot, const LinePlot::Line& line) {
  std::string text;
  for (const auto& [x, y] : line.points)
    if (std::isfinite(x) && std::isfinite(y) && (!plot.log_x || x > 0) && (!plot.log_y || y > 0))
      text += fmt::format("{} {}\n", x, y);
  return text;
}

// Empty where the plot has no point.
std::string one_plot(const LinePlot& plot, const std::string& file) {
  std::string curves, data;
  for (const LinePlot::Line& line : plot.lines) {
    const std::string points = drawable_points(plot, line);
    if (points.empty()) continue;
    curves += fmt::format("{}'-' using 1:2 with {} title {}", curves.empty() ? "" : ", ",
                          line.dots ? "linespoints linewidth 2 pointtype 7 pointsize 0.4" : "lines linewidth 2",
                          gnuplot_quoted(line.title));
    data += points + "e\n";
  }
  if (curves.empty()) return "";
  std::string program = fmt::format(
      "reset\nset output {}\nset title {} noenhanced\nset xlabel {} noenhanced\nset ylabel {} noenhanced\nset grid\n"
      "set key {} noenhanced\nset format y '%g'\nset offsets graph 0.03, graph 0.03\n",
      gnuplot_quoted(file), gnuplot_quoted(plot.title), gnuplot_quoted(plot.x_label), gnuplot_quoted(plot.y_label),
      plot.lines.size() > 1 ? "above" : "off");
  if (plot.log_x) program += "set logscale x\nset format x '%.0e'\n";
  if (plot.log_y) program += "set logscale y\nset format y '%.0e'\n";
  if (plot.y_range) program += fmt::format("set yrange [{}:{}]\n", plot.y_range->first, plot.y_range->second);
  if (plot.mark_x)
    program += fmt::format("set arrow from {0}, graph 0 to {0}, graph 1 nohead linewidth 2 dashtype 2\n", *plot.mark_x);
  return program + "plot " + curves + "\n" + data;
}

}  // namespace

std::string line_plots_program(const std::vector<LinePlot>& plots, const std::vector<std::string>& files) {
  std::string program = "set terminal svg size 560,350 background rgb 'white' font 'sans,12'\n";
  for (size_t i = 0; i < plots.size(); ++i) program += one_plot(plots[i], files[i]);
  return program;
}

std::vector<std::string> draw_line_plots(const std::vector<LinePlot>& plots) {
  const io::TemporaryFolder folder;
  std::vector<std::string> files;
  for (size_t i = 0; i < plots.size(); ++i) files.push_back(folder / fmt::format("{}.svg", i));
  run_gnuplot(line_plots_program(plots, files), plots.empty() ? "nothing" : plots.front().title);
  std::vector<std::string> pictures;
  for (const std::string& file : files) {
    std::string svg = std::filesystem::exists(file) ? io::read_text_file(file) : "";
    // Inside a page the XML and document type declarations have no place.
    svg.erase(0, std::min(svg.find("<svg"), svg.size()));
    pictures.push_back(std::move(svg));
  }
  return pictures;
}

}  // namespace avsr::eval
