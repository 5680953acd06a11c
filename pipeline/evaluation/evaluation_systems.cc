// The systems beside each other, for the page on an evaluation.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "eval/line_plot.h"
#include "eval/ranking_curves.h"
#include "pipeline/evaluation/evaluation_parts.h"

namespace avsr::pipeline {
namespace {

using nlohmann::json;

constexpr double kTaughtWeight = 8.0 / 18;  // Note [8 : 10] in eval/fusion.h

json metrics_rows(const PageSource& source) {
  json rows = json::array();
  for (const json& system : source.results.at("systems")) {
    json cells = json::array();
    for (const char* key : {"top5", "macro_precision", "macro_recall", "macro_specificity", "macro_f1", "roc_area",
                            "pr_area", "calibration_error"})
      cells.push_back(percent_text(system.at(key)));
    const json& temperature = system.at("temperature");
    cells.push_back(temperature.is_null()
                        ? std::string("–")
                        : fmt::format("{} ({:.2f})", percent_text(system.at("calibration_error_at_temperature")),
                                      temperature.get<double>()));
    rows.push_back({{"system", system.at("model")}, {"cells", cells}});
  }
  return rows;
}

// In percent; of points whose x is less than `growth` times that of the one before, the first alone.
eval::LinePlot::Line line_of(const std::string& title, const eval::RankingCurve& curve, double growth) {
  eval::LinePlot::Line line{title, {}, false};
  for (const eval::RankingCurve::Point& point : curve.points)
    if (line.points.empty() || 100 * point.x >= growth * line.points.back().first)
      line.points.emplace_back(100 * point.x, 100 * point.y);
  return line;
}

// The errors of a good recogniser lie at the left end of the ROC curve, hence its logarithmic axis.
void add_ranking_curves(const PageSource& source, PagePlots& plots, json& page) {
  eval::LinePlot roc{.title = "ROC",
                     .x_label = "false positive rate (%)",
                     .y_label = "true positive rate (%)",
                     .log_x = true,
                     .x_range = {{0.1, 100}}};
  eval::LinePlot pr{
      .title = "Precision and recall", .x_label = "recall (%)", .y_label = "precision (%)", .x_range = {{0, 100}}};
  constexpr int kPoints = 1001;  // a tenth of a percent apart, as the curves are means at equally spaced x
  for (const EvaluationRow* row : source.evaluation.leading_rows()) {
    if (row->probabilities.empty()) continue;
    const eval::Scores scores{row->probabilities, static_cast<int>(source.evaluation.labels.size())};
    const auto curves = eval::classifier_curves(scores, source.evaluation.words, kPoints).macro;
    if (!curves) continue;
    roc.lines.push_back(line_of(row->model, curves->roc, 1.05));
    pr.lines.push_back(line_of(row->model, curves->precision_recall, 1.005));
  }
  const std::string alt = "curves of all systems, means over words; their areas stand in the table above";
  page["roc"] = plots.place(eval::line_plot_program(roc), fmt::format("ROC {}", alt));
  page["pr"] = plots.place(eval::line_plot_program(pr), fmt::format("Precision-recall {}", alt));
}

// Accuracy of every system on groups of clips (by_speaker, by_length): {name, clips, cells}.
json group_rows(const PageSource& source, const char* key) {
  const json& systems = source.results.at("systems");
  json rows = json::array();
  const json& names = systems.front().at(key);
  for (size_t i = 0; i < names.size(); ++i) {
    json cells = json::array();
    for (const json& system : systems) cells.push_back(percent_text(system.at(key).at(i).at("accuracy")));
    rows.push_back({{"name", names[i].at("name")}, {"clips", names[i].at("clips").dump()}, {"cells", cells}});
  }
  return rows;
}

double accuracy_at(const json& rule, double weight) {
  const json& curve = rule.at("curve");
  const auto nearest = std::min_element(curve.begin(), curve.end(), [&](const json& a, const json& b) {
    return std::abs(a.at("audio_weight").get<double>() - weight) <
           std::abs(b.at("audio_weight").get<double>() - weight);
  });
  return nearest->at("accuracy").get<double>();
}

json best_weights(const json& rules) {
  json rows = json::array();
  const json& conditions = rules.front().at("by_condition");
  for (size_t c = 0; c < conditions.size(); ++c) {
    json cells = json::array();
    for (const json& rule : rules)
      cells.push_back(fmt::format("{:.2f}", rule.at("by_condition").at(c).at("audio_weight").get<double>()));
    rows.push_back({{"condition", conditions[c].at("condition")}, {"cells", cells}});
  }
  return rows;
}

json fusion_part(const json& fusion, PagePlots& plots) {
  eval::LinePlot plot{.title = "",
                      .x_label = "weight of the audio",
                      .y_label = fmt::format("accuracy on split {} (%)", fusion.at("split").get<std::string>()),
                      .x_range = {{0, 1}}};
  json rules = json::array();
  for (const json& rule : fusion.at("rules")) {
    eval::LinePlot::Line line{rule.at("rule").get<std::string>(), {}};
    for (const json& point : rule.at("curve"))
      line.points.emplace_back(point.at("audio_weight").get<double>(), 100 * point.at("accuracy").get<double>());
    plot.lines.push_back(std::move(line));
    const double weight = rule.at("audio_weight").get<double>();
    rules.push_back({{"rule", rule.at("rule")},
                     {"weights", fmt::format("{:.2f} : {:.2f}", weight, 1 - weight)},
                     {"accuracy", percent_text(accuracy_at(rule, weight))},
                     {"taught", percent_text(accuracy_at(rule, kTaughtWeight))}});
  }
  plot.marks.push_back({kTaughtWeight, "8 : 10"});
  return {{"split", fusion.at("split")},
          {"rules", rules},
          {"by_condition", best_weights(fusion.at("rules"))},
          {"figure", plots.place(eval::line_plot_program(plot),
                                 "Accuracy of the joined decisions against the weight of the audio; "
                                 "8 : 10 is marked")}};
}

}  // namespace

void add_systems(const PageSource& source, PagePlots& plots, json& page) {
  page["systems"] = metrics_rows(source);
  add_ranking_curves(source, plots, page);
  const json& fusion = source.results.at("fusion");
  page["fusion"] = fusion.is_null() ? json(false) : fusion_part(fusion, plots);
  const json& speakers = source.results.at("systems").front().at("by_speaker");
  page["by_speaker"] = speakers.size() > 1;
  page["speakers"] = group_rows(source, "by_speaker");
  page["lengths"] = group_rows(source, "by_length");
  for (json& row : page["lengths"]) row["name"] = std::to_string(std::stoi(row["name"].get<std::string>()));  // "06"
}

}  // namespace avsr::pipeline
