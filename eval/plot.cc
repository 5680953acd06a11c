#include "eval/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "eval/gnuplot.h"
#include "eval/line_style.h"

namespace avsr::eval {
namespace {

std::string terminal_for(const std::filesystem::path& picture) {
  if (picture.extension() == ".svg") return "svg size 800,520 background rgb 'white' font 'sans,14'";
  if (picture.extension() == ".png") return "pngcairo size 800,520 font 'sans,12'";
  throw std::invalid_argument(fmt::format("[plot] {}: expected a name ending in .svg or .png", picture.string()));
}

// Label and range of the axis of the measure.
std::string measure_axis(Measure measure) {
  return measure == Measure::accuracy ? "set ylabel 'accuracy (%)'\nset yrange [0:102]\n"
                                      : "set ylabel 'word error rate (%)'\nset yrange [0:*]\n";
}

// The axis of levels: clean stands 5 dB beyond the last level.
class LevelAxis {
 public:
  explicit LevelAxis(const std::vector<Curve>& curves) {
    for (const Curve& curve : curves)
      for (const Curve::Point& point : curve.points)
        if (!point.clean) levels_.insert(point.snr_db);
    clean_at_ = levels_.empty() ? 0 : *levels_.rbegin() + 5;
  }
  double clean_at() const { return clean_at_; }
  std::string ticks() const {
    std::string ticks;
    for (double level : levels_) ticks += fmt::format("'{:g}' {}, ", level, level);
    return fmt::format("{}'clean' {}", ticks, clean_at_);
  }
  // Lines "x value low high" in percent, from the lowest level on.
  std::string data(const Curve& curve) const {
    std::vector<Curve::Point> points = curve.points;
    for (Curve::Point& point : points)
      if (point.clean) point.snr_db = clean_at_;
    std::sort(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.snr_db < b.snr_db; });
    std::string text;
    for (const Curve::Point& point : points)
      text += fmt::format("{} {} {} {}\n", point.snr_db, 100 * point.value, 100 * point.low, 100 * point.high);
    return fmt::format("{}e\n", text);
  }

 private:
  std::set<double> levels_;
  double clean_at_ = 0;
};

}  // namespace

std::string noise_curve_program(const std::vector<Curve>& curves, const std::string& title,
                                const std::filesystem::path& picture, Measure measure) {
  const LevelAxis axis(curves);
  std::string program = fmt::format(
      "set terminal {}\nset output {}\nset title {} noenhanced\nset xlabel 'signal-to-noise ratio (dB)'\n"
      "{}set grid\nset key {} right noenhanced\nset xtics ({})\nset offsets graph 0.03, graph 0.03\nplot ",
      terminal_for(picture), gnuplot_quoted(picture.string()), gnuplot_quoted(title), measure_axis(measure),
      measure == Measure::accuracy ? "bottom" : "top", axis.ticks());
  for (size_t i = 0; i < curves.size(); ++i)
    program += fmt::format("{}'-' using 1:2:3:4 with yerrorlines linewidth 2 pointtype 7 title {}", i ? ", " : "",
                           gnuplot_quoted(curves[i].title));
  program += "\n";
  for (const Curve& curve : curves) program += axis.data(curve);
  return program;
}

SvgPlot noise_bands(const std::vector<Curve>& curves, const std::string& title, Measure measure) {
  const LevelAxis axis(curves);
  std::vector<std::string> titles;
  for (const Curve& curve : curves) titles.push_back(curve.title);
  const LineKey key = key_above(titles, 760);
  std::string program = fmt::format(
      "set title {0}\nset xlabel 'signal-to-noise ratio (dB)'\n{4}"
      "set grid\nset xtics ({1})\nset offsets graph 0.03, graph 0.03\nset style fill transparent solid 0.15 noborder\n"
      "set key {3}\nset arrow from {2}, graph 0 to {2}, graph 1 nohead dashtype 3\nplot ",
      gnuplot_quoted(title), axis.ticks(), axis.clean_at() - 2.5, key.place, measure_axis(measure));
  for (size_t i = 0; i < curves.size(); ++i)
    program += fmt::format("'-' using 1:3:4 with filledcurves linecolor {} notitle, ", line_colour(i));
  for (size_t i = 0; i < curves.size(); ++i)
    program += fmt::format("{}'-' using 1:2 with linespoints linewidth 2 pointsize 0.8 {} title {}", i ? ", " : "",
                           line_style(i), gnuplot_quoted(curves[i].title));
  program += "\n";
  for (int pass = 0; pass < 2; ++pass)
    for (const Curve& curve : curves) program += axis.data(curve);
  return {program, 760, 400 + key.height};
}

void draw_noise_curve(const std::vector<Curve>& curves, const std::string& title, const std::filesystem::path& picture,
                      Measure measure) {
  run_gnuplot(noise_curve_program(curves, title, picture, measure), picture.string());
  if (!std::filesystem::exists(picture))
    throw std::runtime_error(fmt::format("[plot] {} was not drawn by gnuplot", picture.string()));
}

}  // namespace avsr::eval
