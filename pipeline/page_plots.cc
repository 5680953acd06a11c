#include "pipeline/page_plots.h"

#include <fmt/format.h>

#include <string_view>

namespace avsr::pipeline {
namespace {

constexpr std::string_view kElement = "<svg";

void complete(nlohmann::json& value, const std::vector<std::string>& pictures) {
  if (value.is_object() && value.contains("plot")) {
    const auto number = value["plot"].get<size_t>();
    value["svg"] = eval::svg_in_page(pictures.at(number), fmt::format("plot{}-", number)).substr(kElement.size());
  } else if (value.is_structured()) {
    for (nlohmann::json& inner : value) complete(inner, pictures);
  }
}

}  // namespace

nlohmann::json PagePlots::place(const eval::SvgPlot& plot, const std::string& alt) {
  if (plot.commands.empty()) return false;
  plots_.push_back(plot);
  return {{"plot", plots_.size() - 1}, {"alt", alt}};
}

void PagePlots::draw(nlohmann::json& values) const {
  if (plots_.empty()) return;
  complete(values, eval::draw_svgs(plots_, "the page's plots"));
}

}  // namespace avsr::pipeline
