// The numbers that an evaluation comes to: what each system is worth, and how two of them compare.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "eval/class_metrics.h"
#include "pipeline/evaluation/evaluation.h"

namespace avsr::pipeline {

// The reference, the first audiovisual system (where there is none, the first system), against another one on the same
// clips. difference: of accuracies, reference minus other.
struct Comparison {
  std::string system, over;
  Condition condition;
  double difference = 0;
  std::optional<eval::Interval> interval;  // 95 %, paired bootstrap over groups; none with fewer than two groups
  int64_t only_system = 0, only_over = 0;  // clips that one alone has right
  double p = 1, p_holm = 1;                // McNemar's exact test; corrected for the systems under this condition
};
// Condition by condition, systems in their order; empty with one system.
std::vector<Comparison> compare(const Evaluation& evaluation);

// Of a row that keeps its probabilities.
struct SystemMetrics {
  eval::ClassShares macro;                  // means over words
  std::optional<double> roc_area, pr_area;  // means over words, one against the rest
  std::optional<double> calibration_error;
  std::optional<double> temperature, calibration_error_at_temperature;  // where one was chosen
};
SystemMetrics measure(const Evaluation& evaluation, const EvaluationRow& row);

// {rows: [{model, streams, noise, snr_db, damage, missing, accuracy, correct, clips, top5, ci95_low, ci95_high, right:
// a digit for each clip}], clips: {keys, words, groups}, systems: [{model, noise, snr_db, macro_…, roc_area, pr_area,
// calibration_error, temperature, calibration_error_at_temperature, reliability: [{low, high, clips, confidence,
// accuracy}], by_word: [{word, clips, correct, accuracy, precision, specificity, f1}], by_speaker, by_length,
// confusions: [{said, heard, clips}]}] (each under the first condition), comparisons: [{model, over, …}], fusion,
// noises, data, models, notes}. What has no value is null.
nlohmann::json results_json(const Evaluation& evaluation);
// The rows as a table for other programs.
std::string results_csv(const Evaluation& evaluation);

}  // namespace avsr::pipeline
