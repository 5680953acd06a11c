// The noise curve: accuracy, or word error rate, against signal-to-noise ratio, drawn by gnuplot as a separate program.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "eval/gnuplot.h"

namespace avsr::eval {

struct Curve {
  struct Point {
    bool clean = false;                   // drawn at the right end of the axis
    double snr_db = 0;                    // where not clean
    double value = 0, low = 0, high = 0;  // of the measure, as a share: 1 is 100 %
  };
  std::string title;
  std::vector<Point> points;
};

enum class Measure : uint8_t { accuracy, word_error_rate };  // of which the second may exceed 100 %

// The gnuplot program that draws the curves with their intervals to `picture` (.svg or .png by its name); in percent.
std::string noise_curve_program(const std::vector<Curve>& curves, const std::string& title,
                                const std::filesystem::path& picture, Measure measure = Measure::accuracy);

// The curves for a page, with their intervals as bands. Each line is told from the others by colour, dashes and marker.
SvgPlot noise_bands(const std::vector<Curve>& curves, const std::string& title, Measure measure = Measure::accuracy);

// Runs noise_curve_program. Throws std::invalid_argument on another ending, std::runtime_error when gnuplot is not
// installed or fails.
void draw_noise_curve(const std::vector<Curve>& curves, const std::string& title, const std::filesystem::path& picture,
                      Measure measure = Measure::accuracy);

}  // namespace avsr::eval
