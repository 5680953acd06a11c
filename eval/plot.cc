#include "eval/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "eval/gnuplot.h"

namespace avsr::eval {
namespace {

std::string terminal_for(const std::filesystem::path& picture) {
  if (picture.extension() == ".svg") return "svg size 800,520 background rgb 'white' font 'sans,14'";
  if (picture.extension() == ".png") return "pngcairo size 800,520 font 'sans,12'";
  throw std::invalid_argument(fmt::format("[plot] {}: expected a name ending in .svg or .png", picture.string()));
}

}  // namespace

std::string noise_curve_program(const std::vector<Curve>& curves, const std::string& title,
                                const std::filesystem::path& picture) {
  std::set<double> levels;
  for (const Curve& curve : curves)
    for (const Curve::Point& point : curve.points)
      if (!point.clean) levels.insert(point.snr_db);
  const double clean_at = levels.empty() ? 0 : *levels.rbegin() + 5;

  std::string ticks;
  for (double level : levels) ticks += fmt::format("'{:g}' {}, ", level, level);
  ticks += fmt::format("'clean' {}", clean_at);

  std::string program = fmt::format(
      "set terminal {}\nset output {}\nset title {} noenhanced\nset xlabel 'signal-to-noise ratio (dB)'\n"
      "set ylabel 'accuracy (%)'\nset yrange [0:102]\nset grid\nset key bottom right noenhanced\nset xtics ({})\n"
      "set offsets graph 0.03, graph 0.03\nplot ",
      terminal_for(picture), gnuplot_quoted(picture.string()), gnuplot_quoted(title), ticks);
  for (size_t i = 0; i < curves.size(); ++i)
    program += fmt::format("{}'-' using 1:2:3:4 with yerrorlines linewidth 2 pointtype 7 title {}", i ? ", " : "",
                           gnuplot_quoted(curves[i].title));
  program += "\n";
  for (const Curve& curve : curves) {
    std::vector<Curve::Point> points = curve.points;
    for (Curve::Point& point : points)
      if (point.clean) point.snr_db = clean_at;
    std::sort(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.snr_db < b.snr_db; });
    for (const Curve::Point& point : points)
      program += fmt::format("{} {} {} {}\n", point.snr_db, 100 * point.accuracy, 100 * point.low, 100 * point.high);
    program += "e\n";
  }
  return program;
}

void draw_noise_curve(const std::vector<Curve>& curves, const std::string& title,
                      const std::filesystem::path& picture) {
  run_gnuplot(noise_curve_program(curves, title, picture), picture.string());
  if (!std::filesystem::exists(picture))
    throw std::runtime_error(fmt::format("[plot] {} was not drawn by gnuplot", picture.string()));
}

}  // namespace avsr::eval
