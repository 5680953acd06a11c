// Accuracy by noise and damage, for the page on an evaluation.
#include <fmt/format.h>

#include <algorithm>

#include "eval/plot.h"
#include "pipeline/evaluation/evaluation_parts.h"

namespace avsr::pipeline {
namespace {

using nlohmann::json;

constexpr double kSignificant = 0.05;

json levels_of(const Evaluation::Panel& panel) {
  json levels = json::array();
  for (const Condition& condition : panel.conditions) levels.push_back(level_name(condition));
  return levels;
}

double accuracy_of(const json& row) { return row.at("accuracy").get<double>(); }

json accuracy_cell(const json* row, double best) {
  if (!row) return {{"accuracy", "–"}, {"best", false}, {"interval", false}};
  return {{"accuracy", percent_text(row->at("accuracy"))},
          {"best", accuracy_of(*row) >= best},
          {"interval", fmt::format("{}–{}", percent_text(row->at("ci95_low")), percent_text(row->at("ci95_high")))}};
}

json accuracy_rows(const PageSource& source, const Evaluation::Panel& panel) {
  std::vector<double> best(panel.conditions.size());
  for (size_t s = 0; s < source.systems.size(); ++s)
    for (size_t c = 0; c < best.size(); ++c)
      if (const json* row = source.row(s, panel.conditions[c])) best[c] = std::max(best[c], accuracy_of(*row));
  json rows = json::array();
  for (size_t s = 0; s < source.systems.size(); ++s) {
    json cells = json::array();
    for (size_t c = 0; c < best.size(); ++c)
      cells.push_back(accuracy_cell(source.row(s, panel.conditions[c]), best[c]));
    rows.push_back({{"system", source.systems[s]}, {"cells", cells}});
  }
  return rows;
}

json ahead_cell(const json* comparison) {
  if (!comparison) return {{"points", "–"}, {"significant", false}, {"interval", false}};
  json cell{{"points", fmt::format("{:+.1f}", 100 * comparison->at("difference").get<double>())},
            {"significant", comparison->at("p_holm").get<double>() < kSignificant},
            {"interval", false}};
  if (comparison->contains("ci95_low"))
    cell["interval"] = fmt::format("{:+.1f} to {:+.1f}", 100 * comparison->at("ci95_low").get<double>(),
                                   100 * comparison->at("ci95_high").get<double>());
  return cell;
}

json ahead_rows(const PageSource& source, const Evaluation::Panel& panel, const std::string& reference) {
  json rows = json::array();
  for (size_t s = 0; s < source.systems.size(); ++s) {
    if (source.systems[s] == reference) continue;
    json cells = json::array();
    for (const Condition& condition : panel.conditions) cells.push_back(ahead_cell(source.comparison(s, condition)));
    rows.push_back({{"system", source.systems[s]}, {"cells", cells}});
  }
  return rows;
}

json figure_of(const PageSource& source, const Evaluation::Panel& panel, PagePlots& plots) {
  if (panel.conditions.size() < 2) return false;  // a curve of one point
  std::vector<eval::Curve> curves;
  std::string alt = fmt::format("Accuracy against signal-to-noise ratio, {}.", panel.title);
  for (size_t s = 0; s < source.systems.size(); ++s) {
    eval::Curve curve{source.systems[s], {}};
    std::string told;
    for (const Condition& condition : panel.conditions) {
      const json* row = source.row(s, condition);
      if (!row) continue;
      curve.points.push_back({!condition.snr_db, condition.snr_db.value_or(0), accuracy_of(*row),
                              row->at("ci95_low").get<double>(), row->at("ci95_high").get<double>()});
      told +=
          fmt::format("{}{} % {}", told.empty() ? "" : ", ", percent_text(row->at("accuracy")), level_name(condition));
    }
    if (curve.points.empty()) continue;
    alt += fmt::format(" {}: {}.", source.systems[s], told);
    curves.push_back(std::move(curve));
  }
  return plots.place(eval::noise_bands(curves, ""), alt);
}

}  // namespace

void add_panels(const PageSource& source, PagePlots& plots, json& page) {
  const json& comparisons = source.results.at("comparisons");
  const std::string reference = comparisons.empty() ? "" : comparisons.front().at("model").get<std::string>();
  page["compared"] = !comparisons.empty();
  page["reference"] = reference;
  page["panels"] = json::array();
  for (const Evaluation::Panel& panel : source.evaluation.panels())
    page["panels"].push_back({{"panel", panel.title},
                              {"levels", levels_of(panel)},
                              {"rows", accuracy_rows(source, panel)},
                              {"ahead", ahead_rows(source, panel, reference)},
                              {"figure", figure_of(source, panel, plots)}});
}

}  // namespace avsr::pipeline
