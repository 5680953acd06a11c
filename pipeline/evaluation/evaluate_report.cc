// The written results of an evaluation: tables, results.json and the noise curve.
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "eval/confusions.h"
#include "eval/plot.h"
#include "io/atomic_file.h"
#include "pipeline/evaluation/evaluate.h"
#include "pipeline/evaluation/evaluation_numbers.h"
#include "pipeline/evaluation/evaluation_page.h"
#include "pipeline/evaluation/report_text.h"
#include "pipeline/recognition/word_sequence.h"

namespace avsr::pipeline {
namespace {

constexpr size_t kShownWords = 10;  // in the report; results.json has all

std::string label_text(const Evaluation& evaluation, int label) {
  return markdown_text(evaluation.labels.at(static_cast<size_t>(label)));
}

// The worst words and the most frequent wrong answers of one model, as two tables.
std::string words_report(const Evaluation& evaluation, const EvaluationRow& row) {
  std::string text = fmt::format("\n## Words of {}, {}\n\n", markdown_text(row.model),
                                 markdown_text(evaluation.name_of(row.condition)));
  if (row.correct(evaluation.words) == row.clips()) return text + "No word was taken for another.\n";
  text += "The worst:\n\n| word | right | clips | % |\n|---|---|---|---|\n";
  const std::vector<eval::WordAccuracy> words = eval::word_accuracies(evaluation.words, row.answers);
  for (size_t i = 0; i < std::min(words.size(), kShownWords); ++i)
    text += fmt::format("| {} | {} | {} | {:.1f} |\n", label_text(evaluation, words[i].word), words[i].correct,
                        words[i].clips, 100 * words[i].accuracy());
  text += "\nTaken for another most often:\n\n| said | recognised as | clips |\n|---|---|---|\n";
  const std::vector<eval::Confusion> confusions = eval::confusions(evaluation.words, row.answers);
  for (size_t i = 0; i < std::min(confusions.size(), kShownWords); ++i)
    text += fmt::format("| {} | {} | {} |\n", label_text(evaluation, confusions[i].said),
                        label_text(evaluation, confusions[i].heard), confusions[i].clips);
  return text;
}

std::vector<eval::Curve> curves_of(const Evaluation& evaluation, const Evaluation::Panel& panel) {
  std::vector<eval::Curve> curves;
  for (const std::string& model : evaluation.systems()) {
    eval::Curve curve{model, {}};
    for (const Condition& condition : panel.conditions) {
      const EvaluationRow* row = evaluation.row(model, condition);
      if (!row) continue;
      const eval::Interval interval = evaluation.interval(*row);
      curve.points.push_back({!condition.snr_db, condition.snr_db.value_or(0), row->accuracy(evaluation.words),
                              interval.low, interval.high});
    }
    if (!curve.points.empty()) curves.push_back(std::move(curve));
  }
  return curves;
}

std::string title_of(const Evaluation& evaluation) {
  const size_t words = evaluation.labels.size() - (background_of(evaluation.labels) >= 0 ? 1 : 0);
  return fmt::format("{} words, {} clips", words, evaluation.keys.size());
}

std::string panel_table(const Evaluation& evaluation, const Evaluation::Panel& panel, bool markdown) {
  const std::vector<std::string> models = evaluation.systems();
  size_t width = 5;
  for (const std::string& model : models) width = std::max(width, model.size());
  std::string table = table_heading("%", panel, markdown, width);
  for (const std::string& model : models) {
    table += markdown ? fmt::format("| {} |", markdown_text(model)) : fmt::format("{:<{}}", model, width);
    for (const Condition& condition : panel.conditions) {
      const EvaluationRow* row = evaluation.row(model, condition);
      if (!row) {
        table += markdown ? " – |" : fmt::format("{:>9}", "-");
        continue;
      }
      const eval::Interval interval = evaluation.interval(*row);
      table += markdown ? fmt::format(" {:.1f} ({:.1f}-{:.1f}) |", 100 * row->accuracy(evaluation.words),
                                      100 * interval.low, 100 * interval.high)
                        : fmt::format("{:>9.1f}", 100 * row->accuracy(evaluation.words));
    }
    table += "\n";
  }
  return table;
}

// By how many points the reference is ahead of each other system, for every panel.
std::string comparison_tables(const Evaluation& evaluation) {
  const std::vector<Comparison> comparisons = compare(evaluation);
  if (comparisons.empty()) return "";
  std::string text = fmt::format(
      "\n## Points that {} is ahead\n\nIn brackets: 95 % intervals (paired bootstrap by {}). * p < 0.05 by McNemar's "
      "exact "
      "test, corrected for\nthe number of systems under each condition (Holm).\n",
      markdown_text(comparisons.front().system), evaluation.grouped_by);
  for (const Evaluation::Panel& panel : evaluation.panels()) {
    text += "\n";
    text += table_heading(panel.title, panel);
    for (const std::string& other : evaluation.systems()) {
      if (other == comparisons.front().system) continue;
      text += fmt::format("| over {} |", markdown_text(other));
      for (const Condition& condition : panel.conditions) {
        const auto found = std::find_if(comparisons.begin(), comparisons.end(), [&](const Comparison& c) {
          return c.over == other && c.condition == condition;
        });
        if (found == comparisons.end()) {
          text += " – |";
          continue;
        }
        text += fmt::format(" {:+.1f}{}{} |", 100 * found->difference, found->p_holm < 0.05 ? "*" : "",
                            found->interval ? fmt::format(" ({:+.1f} to {:+.1f})", 100 * found->interval->low,
                                                          100 * found->interval->high)
                                            : "");
      }
      text += "\n";
    }
  }
  return text;
}

std::string share_text(const std::optional<double>& share) { return share ? fmt::format("{:.1f}", 100 * *share) : "–"; }

// What is measured of each system under the first condition.
std::string systems_table(const Evaluation& evaluation) {
  std::string text = fmt::format(
      "\n## Each system, {}\n\n| % | top 5 | precision | recall | F1 | ROC area | PR area | calibration error | at the "
      "temperature |\n"
      "|---|---|---|---|---|---|---|---|---|\n",
      evaluation.name_of(evaluation.conditions.front()));
  for (const EvaluationRow* row : evaluation.leading_rows()) {
    const SystemMetrics metrics = measure(evaluation, *row);
    text += fmt::format(
        "| {} | {:.1f} | {} | {} | {} | {} | {} | {} | {} |\n", markdown_text(row->model), 100 * row->top(5),
        share_text(metrics.macro.precision), share_text(metrics.macro.recall), share_text(metrics.macro.f1),
        share_text(metrics.roc_area), share_text(metrics.pr_area), share_text(metrics.calibration_error),
        metrics.temperature
            ? fmt::format("{} ({:.2f})", share_text(metrics.calibration_error_at_temperature), *metrics.temperature)
            : "–");
  }
  return text +
         "\nPrecision, recall, F1 and areas: means over the words that have them, one against the rest. Calibration "
         "error: how far the\nprobability of an answer is from the share of such answers that are right, at first and "
         "with the temperature in brackets, chosen on another split.\n";
}

}  // namespace

std::string accuracy_table(const Evaluation& evaluation, bool markdown) {
  const std::vector<Evaluation::Panel> panels = evaluation.panels();
  std::string text;
  for (const Evaluation::Panel& panel : panels) {
    if (panels.size() > 1) text += fmt::format("\n{}{}\n{}", markdown ? "### " : "", panel.title, markdown ? "\n" : "");
    text += panel_table(evaluation, panel, markdown);
  }
  return text;
}

std::vector<std::string> write_results(const Evaluation& evaluation, const std::filesystem::path& folder) {
  const auto write = [&](const char* name, const std::string& text) {
    io::write_file_atomically((folder / name).string(), std::string_view(text));
  };
  const nlohmann::json results = results_json(evaluation);
  write("results.json", results.dump(2) + "\n");
  write("results.csv", results_csv(evaluation));
  std::string report =
      fmt::format("# Accuracy: {}\n\n{}\nIn brackets: 95 % intervals (bootstrap by {}). {}\n", title_of(evaluation),
                  accuracy_table(evaluation, true), evaluation.grouped_by, data_text(evaluation));
  report += comparison_tables(evaluation) + systems_table(evaluation);
  for (const std::string& note : evaluation.notes) report += "\nNote: " + note + ".\n";
  for (const EvaluationRow* row : evaluation.leading_rows()) report += words_report(evaluation, *row);
  write("results.md", report);
  write("report.html", evaluation_page(evaluation, results));
  std::vector<std::string> lines{fmt::format("written: {}/results.json, results.csv, results.md", folder.string()),
                                 fmt::format("report: {}, for a browser", (folder / "report.html").string())};
  const std::vector<Evaluation::Panel> panels = evaluation.panels();
  for (size_t i = 0; i < panels.size(); ++i) {
    if (panels[i].conditions.size() < 2) continue;  // a curve of one point
    const std::filesystem::path picture = folder / picture_of(panels[i], i == 0);
    try {
      eval::draw_noise_curve(curves_of(evaluation, panels[i]),
                             fmt::format("{}, {}", title_of(evaluation), panels[i].title), picture);
      lines.push_back(fmt::format("drawn: {}", picture.string()));
    } catch (const std::runtime_error& error) {
      lines.emplace_back(error.what());
    }
  }
  return lines;
}

}  // namespace avsr::pipeline
