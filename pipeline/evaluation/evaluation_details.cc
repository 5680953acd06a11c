// Each system by itself, for the page on an evaluation.
#include <fmt/format.h>

#include <algorithm>

#include "eval/calibration.h"
#include "eval/class_metrics.h"
#include "eval/confusion_map.h"
#include "eval/reliability_plot.h"
#include "pipeline/evaluation/evaluation_parts.h"

namespace avsr::pipeline {
namespace {

using nlohmann::json;

constexpr int kMostMapped = 60;     // labels in a confusion map
constexpr size_t kShownWords = 10;  // worst words, confusions

void add_map(const Evaluation& evaluation, const EvaluationRow& row, PagePlots& plots, json& detail) {
  const auto labels = static_cast<int>(evaluation.labels.size());
  const eval::ConfusionMatrix matrix = eval::confusion_matrix(evaluation.words, row.answers, labels);
  const std::vector<int> shown = eval::labels_to_show(matrix, kMostMapped);
  detail["map"] =
      plots.place(eval::confusion_map(matrix, evaluation.labels, shown),
                  fmt::format("Confusion matrix of {}, {} labels: {} of {} clips lie on the diagonal. The most "
                              "frequent confusions stand in a table below.",
                              row.model, shown.size(), row.correct(evaluation.words), row.clips()));
  detail["mapped"] = shown.size();
  detail["cut"] = eval::labels_to_show(matrix, labels).size() > shown.size();
}

void add_reliability(const Evaluation& evaluation, const EvaluationRow& row, PagePlots& plots, json& detail) {
  detail["reliability"] = false;
  detail["bins"] = json::array();
  if (row.probabilities.empty()) return;
  const eval::Scores scores{row.probabilities, static_cast<int>(evaluation.labels.size())};
  const std::vector<eval::ReliabilityBin> bins = eval::reliability_bins(scores, evaluation.words);
  for (const eval::ReliabilityBin& bin : bins)
    if (bin.clips > 0)
      detail["bins"].push_back({{"range", fmt::format("{:.0f}–{:.0f}", 100 * bin.low, 100 * bin.high)},
                                {"clips", bin.clips},
                                {"confidence", percent_text(*bin.confidence)},
                                {"accuracy", percent_text(*bin.accuracy)}});
  detail["reliability"] = plots.place(eval::reliability_plot(bins),
                                      fmt::format("Reliability diagram of {}: accuracy against confidence. Its "
                                                  "numbers stand in the table beside.",
                                                  row.model));
}

json worst_words(const json& system) {
  json rows = json::array();
  for (const json& word : system.at("by_word")) {
    if (rows.size() == kShownWords || word.at("correct") == word.at("clips")) break;
    rows.push_back({{"word", word.at("word")},
                    {"correct", word.at("correct").dump()},
                    {"clips", word.at("clips").dump()},
                    {"accuracy", percent_text(word.at("accuracy"))},
                    {"precision", percent_text(word.at("precision"))},
                    {"f1", percent_text(word.at("f1"))}});
  }
  return rows;
}

json most_confused(const json& system) {
  json rows = json::array();
  for (const json& confusion : system.at("confusions")) {
    if (rows.size() == kShownWords) break;
    rows.push_back(
        {{"said", confusion.at("said")}, {"heard", confusion.at("heard")}, {"clips", confusion.at("clips").dump()}});
  }
  return rows;
}

}  // namespace

void add_details(const PageSource& source, PagePlots& plots, json& page) {
  const Evaluation& evaluation = source.evaluation;
  const std::vector<const EvaluationRow*> leading = evaluation.leading_rows();
  page["details"] = json::array();
  for (size_t s = 0; s < leading.size(); ++s) {
    const json& system = source.results.at("systems").at(s);
    json detail{{"system", leading[s]->model}, {"number", s + 1}};
    detail["accuracy"] = percent_text(leading[s]->accuracy(evaluation.words));
    add_map(evaluation, *leading[s], plots, detail);
    add_reliability(evaluation, *leading[s], plots, detail);
    detail["words"] = worst_words(system);
    detail["confusions"] = most_confused(system);
    detail["flawless"] = detail["words"].empty();
    page["details"].push_back(std::move(detail));
  }
}

}  // namespace avsr::pipeline
