#include "pipeline/evaluation/evaluation_numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "eval/bootstrap.h"
#include "eval/calibration.h"
#include "eval/confusions.h"
#include "eval/ranking_curves.h"
#include "eval/significance.h"
#include "io/csv.h"

namespace avsr::pipeline {
namespace {

using nlohmann::json;

json or_null(const std::optional<double>& value) { return value ? json(*value) : json(); }

std::vector<double> as_numbers(const std::vector<uint8_t>& hits) { return {hits.begin(), hits.end()}; }

Comparison compare_rows(const Evaluation& evaluation, const EvaluationRow& row, const EvaluationRow& over) {
  Comparison one{.system = row.model, .over = over.model, .condition = row.condition, .interval = std::nullopt};
  const std::vector<uint8_t> hits = row.hits(evaluation.words), others = over.hits(evaluation.words);
  one.difference = row.accuracy(evaluation.words) - over.accuracy(evaluation.words);
  one.interval = eval::bootstrap_difference(as_numbers(hits), as_numbers(others), evaluation.groups);
  const eval::McNemar test = eval::mcnemar(hits, others);
  one.only_system = test.only_a;
  one.only_over = test.only_b;
  one.p = test.p;
  return one;
}

// Accuracy of the clips that share a name, in order of name.
json by_name(const EvaluationRow& row, const Evaluation& evaluation, const std::vector<std::string>& names) {
  std::map<std::string, std::pair<int64_t, int64_t>> counts;  // clips, correct
  const std::vector<uint8_t> hits = row.hits(evaluation.words);
  for (size_t i = 0; i < hits.size(); ++i) {
    auto& [clips, correct] = counts[names[i]];
    ++clips;
    correct += hits[i];
  }
  json all = json::array();
  for (const auto& [name, count] : counts)
    all.push_back({{"name", name},
                   {"clips", count.first},
                   {"correct", count.second},
                   {"accuracy", static_cast<double>(count.second) / static_cast<double>(count.first)}});
  return all;
}

std::vector<std::string> word_lengths(const Evaluation& evaluation) {
  std::vector<std::string> lengths;
  for (const int word : evaluation.words) {
    const std::string& label = evaluation.labels.at(static_cast<size_t>(word));
    // Letters, not bytes: the bytes that go on a UTF-8 letter begin with 10.
    const auto letters = std::count_if(label.begin(), label.end(), [](unsigned char c) { return (c & 0xC0) != 0x80; });
    lengths.push_back(fmt::format("{:02}", letters));
  }
  return lengths;
}

json by_word(const Evaluation& evaluation, const EvaluationRow& row) {
  const std::vector<eval::ClassMetrics> classes = eval::class_metrics(
      eval::confusion_matrix(evaluation.words, row.answers, static_cast<int>(evaluation.labels.size())));
  json words = json::array();
  for (const eval::WordAccuracy& word : eval::word_accuracies(evaluation.words, row.answers)) {
    const eval::ClassMetrics& metrics = classes[static_cast<size_t>(word.word)];
    words.push_back({{"word", evaluation.labels.at(static_cast<size_t>(word.word))},
                     {"clips", word.clips},
                     {"correct", word.correct},
                     {"accuracy", word.accuracy()},
                     {"precision", or_null(metrics.precision)},
                     {"specificity", or_null(metrics.specificity)},
                     {"f1", or_null(metrics.f1)}});
  }
  return words;
}

json reliability(const Evaluation& evaluation, const EvaluationRow& row) {
  json bins = json::array();
  const eval::Scores scores{row.probabilities, static_cast<int>(evaluation.labels.size())};
  for (const eval::ReliabilityBin& bin : eval::reliability_bins(scores, evaluation.words))
    bins.push_back({{"low", bin.low},
                    {"high", bin.high},
                    {"clips", bin.clips},
                    {"confidence", or_null(bin.confidence)},
                    {"accuracy", or_null(bin.accuracy)}});
  return bins;
}

json system_json(const Evaluation& evaluation, const EvaluationRow& row) {
  const SystemMetrics metrics = measure(evaluation, row);
  json confusions = json::array();
  for (const eval::Confusion& confusion : eval::confusions(evaluation.words, row.answers))
    confusions.push_back({{"said", evaluation.labels.at(static_cast<size_t>(confusion.said))},
                          {"heard", evaluation.labels.at(static_cast<size_t>(confusion.heard))},
                          {"clips", confusion.clips}});
  json system{{"model", row.model},
              {"top5", row.top(5)},
              {"macro_precision", or_null(metrics.macro.precision)},
              {"macro_recall", or_null(metrics.macro.recall)},
              {"macro_specificity", or_null(metrics.macro.specificity)},
              {"macro_f1", or_null(metrics.macro.f1)},
              {"roc_area", or_null(metrics.roc_area)},
              {"pr_area", or_null(metrics.pr_area)},
              {"calibration_error", or_null(metrics.calibration_error)},
              {"temperature", or_null(metrics.temperature)},
              {"calibration_error_at_temperature", or_null(metrics.calibration_error_at_temperature)},
              {"by_word", by_word(evaluation, row)},
              {"by_speaker", by_name(row, evaluation, evaluation.speakers)},
              {"by_length", by_name(row, evaluation, word_lengths(evaluation))},
              {"confusions", confusions}};
  if (!row.probabilities.empty()) system["reliability"] = reliability(evaluation, row);
  evaluation.describe(row.condition, system);
  return system;
}

json comparison_json(const Evaluation& evaluation, const Comparison& one) {
  json comparison{{"model", one.system},           {"over", one.over},           {"difference", one.difference},
                  {"only_model", one.only_system}, {"only_over", one.only_over}, {"p", one.p},
                  {"p_holm", one.p_holm}};
  if (one.interval) comparison.update({{"ci95_low", one.interval->low}, {"ci95_high", one.interval->high}});
  evaluation.describe(one.condition, comparison);
  return comparison;
}

// A digit for each clip: 1 where the answer is right.
std::string right_text(const std::vector<uint8_t>& hits) {
  std::string text;
  for (const uint8_t hit : hits) text += hit ? '1' : '0';
  return text;
}

json clips_json(const Evaluation& evaluation) {
  json words = json::array();
  for (const int word : evaluation.words) words.push_back(evaluation.labels.at(static_cast<size_t>(word)));
  return {{"keys", evaluation.keys}, {"words", words}, {"groups", evaluation.groups}};
}

json row_json(const Evaluation& evaluation, const EvaluationRow& row) {
  const eval::Interval interval = evaluation.interval(row);
  json one{{"model", row.model},
           {"streams", name_of(row.streams)},
           {"accuracy", row.accuracy(evaluation.words)},
           {"correct", row.correct(evaluation.words)},
           {"clips", row.clips()},
           {"top5", row.top(5)},
           {"ci95_low", interval.low},
           {"ci95_high", interval.high},
           {"right", right_text(row.hits(evaluation.words))}};
  evaluation.describe(row.condition, one);
  return one;
}

}  // namespace

std::vector<Comparison> compare(const Evaluation& evaluation) {
  const auto av = std::find_if(evaluation.rows.begin(), evaluation.rows.end(),
                               [](const EvaluationRow& row) { return row.streams == models::Streams::audiovisual; });
  const std::vector<std::string> systems = evaluation.systems();
  const std::string reference = av == evaluation.rows.end() ? systems.front() : av->model;
  std::vector<Comparison> all;
  for (const Condition& condition : evaluation.conditions) {
    std::vector<Comparison> here;
    std::vector<double> p_values;
    const EvaluationRow* ahead = evaluation.row(reference, condition);
    for (const std::string& other : systems) {
      const EvaluationRow* behind = evaluation.row(other, condition);
      if (other == reference || !ahead || !behind) continue;
      here.push_back(compare_rows(evaluation, *ahead, *behind));
      p_values.push_back(here.back().p);
    }
    const std::vector<double> corrected = eval::holm(p_values);
    for (size_t i = 0; i < here.size(); ++i) here[i].p_holm = corrected[i];
    all.insert(all.end(), here.begin(), here.end());
  }
  return all;
}

SystemMetrics measure(const Evaluation& evaluation, const EvaluationRow& row) {
  const auto labels = static_cast<int>(evaluation.labels.size());
  SystemMetrics metrics;
  metrics.macro = eval::macro_mean(eval::class_metrics(eval::confusion_matrix(evaluation.words, row.answers, labels)));
  if (row.probabilities.empty()) return metrics;
  const eval::Scores scores{row.probabilities, labels};
  if (const auto curves = eval::classifier_curves(scores, evaluation.words); curves.macro) {
    metrics.roc_area = curves.macro->roc.area;
    metrics.pr_area = curves.macro->precision_recall.area;
  }
  metrics.calibration_error = eval::expected_calibration_error(eval::reliability_bins(scores, evaluation.words));
  if (const auto chosen = evaluation.temperatures.find(row.model); chosen != evaluation.temperatures.end()) {
    const std::vector<float> logits = eval::log_probabilities(scores),
                             surer = eval::tempered({logits, labels}, chosen->second);
    metrics.temperature = chosen->second;
    metrics.calibration_error_at_temperature =
        eval::expected_calibration_error(eval::reliability_bins({surer, labels}, evaluation.words));
  }
  return metrics;
}

json results_json(const Evaluation& evaluation) {
  json rows = json::array(), systems = json::array(), comparisons = json::array();
  for (const EvaluationRow& row : evaluation.rows) rows.push_back(row_json(evaluation, row));
  for (const EvaluationRow* row : evaluation.leading_rows()) systems.push_back(system_json(evaluation, *row));
  for (const Comparison& one : compare(evaluation)) comparisons.push_back(comparison_json(evaluation, one));
  return {{"rows", rows},
          {"clips", clips_json(evaluation)},
          {"systems", systems},
          {"comparisons", comparisons},
          {"grouped_by", evaluation.grouped_by},
          {"fusion", evaluation.fusion},
          {"noises", evaluation.noises},
          {"data", evaluation.data},
          {"models", evaluation.models},
          {"notes", evaluation.notes}};
}

std::string results_csv(const Evaluation& evaluation) {
  std::string csv = "model,streams,noise,snr_db,damage,missing,accuracy,ci95_low,ci95_high,top5,correct,clips\n";
  for (const EvaluationRow& row : evaluation.rows) {
    const json one = row_json(evaluation, row);
    const std::string noise = one["noise"].get<std::string>();
    csv += fmt::format("{},{},{},{},{},{},{:.6f},{:.6f},{:.6f},{:.6f},{},{}\n", io::csv_field(row.model),
                       name_of(row.streams), io::csv_field(noise),
                       row.condition.snr_db ? fmt::format("{:g}", *row.condition.snr_db) : "clean",
                       row.condition.damage ? row.condition.damage->text() : "",
                       row.condition.missing ? name_of(*row.condition.missing) : "", one["accuracy"].get<double>(),
                       one["ci95_low"].get<double>(), one["ci95_high"].get<double>(), row.top(5),
                       row.correct(evaluation.words), row.clips());
  }
  return csv;
}

}  // namespace avsr::pipeline
