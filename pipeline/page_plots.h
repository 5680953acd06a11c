// Plots of a page: each gets its place while the page's values are put together, and one run of gnuplot draws all.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "eval/gnuplot.h"

namespace avsr::pipeline {

class PagePlots {
 public:
  // A value for the template: {plot, alt}, or false where there is nothing to be drawn. draw() adds to it svg: what
  // follows "<svg" in the drawn element, so that the template can give it its name:
  // <svg role="img" aria-label="{{alt}}"{{{svg}}}.
  nlohmann::json place(const eval::SvgPlot& plot, const std::string& alt);
  // Completes every place in the page's values. Throws as eval::draw_svgs: places are then not completed.
  void draw(nlohmann::json& values) const;

 private:
  std::vector<eval::SvgPlot> plots_;
};

}  // namespace avsr::pipeline
