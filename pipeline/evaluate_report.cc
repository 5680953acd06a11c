// The written results of an evaluation: tables, results.json and the noise curve.
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "eval/confusions.h"
#include "eval/plot.h"
#include "io/atomic_file.h"
#include "pipeline/evaluate.h"
#include "pipeline/word_sequence.h"

namespace avsr::pipeline {
namespace {

constexpr size_t kShownWords = 10;  // in the report; results.json has all

std::string level_name(const std::optional<double>& level) { return level ? fmt::format("{:g} dB", *level) : "clean"; }

std::vector<std::string> models_in_order(const Evaluation& evaluation) {
  std::vector<std::string> models;
  for (const EvaluationRow& row : evaluation.rows)
    if (models.empty() || models.back() != row.model) models.push_back(row.model);
  return models;
}

std::vector<const EvaluationRow*> rows_of(const Evaluation& evaluation, const std::string& model) {
  std::vector<const EvaluationRow*> rows;
  for (const EvaluationRow& row : evaluation.rows)
    if (row.model == model) rows.push_back(&row);
  return rows;
}

nlohmann::json level_json(const std::optional<double>& level) {
  return level ? nlohmann::json(*level) : nlohmann::json("clean");
}

// Each model's row where it is clean, else at the first level.
std::vector<const EvaluationRow*> leading_rows(const Evaluation& evaluation) {
  std::vector<const EvaluationRow*> leading;
  for (const std::string& model : models_in_order(evaluation)) {
    const std::vector<const EvaluationRow*> rows = rows_of(evaluation, model);
    const auto clean = std::find_if(rows.begin(), rows.end(), [](const EvaluationRow* row) { return !row->snr_db; });
    leading.push_back(clean == rows.end() ? rows.front() : *clean);
  }
  return leading;
}

// A label or a model's name as text of results.md: "<background>" is no HTML, and "|" ends no cell.
std::string markdown_text(const std::string& name) {
  std::string text;
  for (const char c : name) text += c == '<' ? "&lt;" : c == '|' ? "&#124;" : c == '&' ? "&amp;" : std::string(1, c);
  return text;
}

std::string label_text(const Evaluation& evaluation, int label) {
  return markdown_text(evaluation.labels.at(static_cast<size_t>(label)));
}

nlohmann::json by_word_json(const Evaluation& evaluation, const EvaluationRow& row) {
  nlohmann::json words = nlohmann::json::array(), confusions = nlohmann::json::array();
  for (const eval::WordAccuracy& word : eval::word_accuracies(evaluation.words, row.answers))
    words.push_back({{"word", evaluation.labels.at(static_cast<size_t>(word.word))},
                     {"clips", word.clips},
                     {"correct", word.correct},
                     {"accuracy", word.accuracy()}});
  for (const eval::Confusion& confusion : eval::confusions(evaluation.words, row.answers))
    confusions.push_back({{"said", evaluation.labels.at(static_cast<size_t>(confusion.said))},
                          {"heard", evaluation.labels.at(static_cast<size_t>(confusion.heard))},
                          {"clips", confusion.clips}});
  return {{"model", row.model}, {"snr_db", level_json(row.snr_db)}, {"words", words}, {"confusions", confusions}};
}

// The worst words and the most frequent wrong answers of one model, as two tables.
std::string words_report(const Evaluation& evaluation, const EvaluationRow& row) {
  std::string text = fmt::format("\n## Words of {}, {}\n\n", markdown_text(row.model), level_name(row.snr_db));
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

// Accuracy gained by the first audiovisual model over the first audio model at each level, with its interval.
nlohmann::json gains_of(const Evaluation& evaluation) {
  nlohmann::json gains = nlohmann::json::array();
  for (const EvaluationRow& av : evaluation.rows) {
    if (av.streams != models::Streams::audiovisual) continue;
    const auto a = std::find_if(evaluation.rows.begin(), evaluation.rows.end(), [&](const EvaluationRow& row) {
      return row.streams == models::Streams::audio && row.snr_db == av.snr_db;
    });
    if (a == evaluation.rows.end()) continue;
    const eval::Interval interval = eval::paired_bootstrap(av.hits(evaluation.words), a->hits(evaluation.words));
    nlohmann::json gain{{"model", av.model},
                        {"over", a->model},
                        {"gain", av.accuracy(evaluation.words) - a->accuracy(evaluation.words)},
                        {"ci95_low", interval.low},
                        {"ci95_high", interval.high}};
    gain["snr_db"] = level_json(av.snr_db);
    gains.push_back(std::move(gain));
  }
  return gains;
}

std::vector<eval::Curve> curves_of(const Evaluation& evaluation) {
  std::vector<eval::Curve> curves;
  for (const std::string& model : models_in_order(evaluation)) {
    eval::Curve curve{model, {}};
    for (const EvaluationRow* row : rows_of(evaluation, model)) {
      const eval::Interval interval = row->interval(evaluation.words);
      curve.points.push_back(
          {!row->snr_db, row->snr_db.value_or(0), row->accuracy(evaluation.words), interval.low, interval.high});
    }
    curves.push_back(std::move(curve));
  }
  return curves;
}

std::string title_of(const Evaluation& evaluation) {
  const size_t words = evaluation.labels.size() - (background_of(evaluation.labels) >= 0 ? 1 : 0);
  return fmt::format("{} words, {} clips, noise: {}", words, evaluation.keys.size(),
                     evaluation.noise.at("kind").get<std::string>());
}

}  // namespace

std::string accuracy_table(const Evaluation& evaluation, bool markdown) {
  const std::vector<std::string> models = models_in_order(evaluation);
  size_t width = 5;
  for (const std::string& model : models) width = std::max(width, model.size());
  std::string head = markdown ? "| % |" : fmt::format("{:<{}}", "%", width), ruler = "|---|";
  for (const EvaluationRow* row : rows_of(evaluation, models.front())) {
    head += markdown ? fmt::format(" {} |", level_name(row->snr_db)) : fmt::format("{:>9}", level_name(row->snr_db));
    ruler += "---|";
  }
  std::string table = head + "\n" + (markdown ? ruler + "\n" : "");
  for (const std::string& model : models) {
    table += markdown ? fmt::format("| {} |", markdown_text(model)) : fmt::format("{:<{}}", model, width);
    for (const EvaluationRow* row : rows_of(evaluation, model)) {
      const eval::Interval interval = row->interval(evaluation.words);
      table += markdown ? fmt::format(" {:.1f} ({:.1f}-{:.1f}) |", 100 * row->accuracy(evaluation.words),
                                      100 * interval.low, 100 * interval.high)
                        : fmt::format("{:>9.1f}", 100 * row->accuracy(evaluation.words));
    }
    table += "\n";
  }
  return table;
}

nlohmann::json results_json(const Evaluation& evaluation) {
  nlohmann::json rows = nlohmann::json::array();
  for (const EvaluationRow& row : evaluation.rows) {
    const eval::Interval interval = row.interval(evaluation.words);
    nlohmann::json one{{"model", row.model},
                       {"streams", name_of(row.streams)},
                       {"noise", evaluation.noise.at("kind")},
                       {"accuracy", row.accuracy(evaluation.words)},
                       {"correct", row.correct(evaluation.words)},
                       {"clips", row.clips()},
                       {"ci95_low", interval.low},
                       {"ci95_high", interval.high}};
    one["snr_db"] = level_json(row.snr_db);
    rows.push_back(std::move(one));
  }
  nlohmann::json by_word = nlohmann::json::array();
  for (const EvaluationRow* row : leading_rows(evaluation)) by_word.push_back(by_word_json(evaluation, *row));
  return {{"rows", rows},
          {"by_word", by_word},
          {"gains", gains_of(evaluation)},
          {"noise", evaluation.noise},
          {"data", evaluation.data},
          {"models", evaluation.models},
          {"notes", evaluation.notes}};
}

std::vector<std::string> write_results(const Evaluation& evaluation, const std::filesystem::path& folder) {
  const auto write = [&](const char* name, const std::string& text) {
    io::write_file_atomically((folder / name).string(), std::string_view(text));
  };
  write("results.json", results_json(evaluation).dump(2) + "\n");
  std::string report = fmt::format(
      "# Accuracy: {}\n\n{}\nIn brackets: 95 % intervals (Wilson). Split {}, data hash {}, seed {}.\n",
      title_of(evaluation), accuracy_table(evaluation, true), evaluation.data.at("split").get<std::string>(),
      evaluation.data.at("hash").get<std::string>(), evaluation.data.at("seed").get<uint64_t>());
  for (const auto& gain : gains_of(evaluation))
    report += fmt::format("\n{} - {} at {}: {:+.1f} points (95 %: {:+.1f} to {:+.1f})\n", markdown_text(gain["model"]),
                          markdown_text(gain["over"]),
                          gain["snr_db"].is_number() ? fmt::format("{:g} dB", gain["snr_db"].get<double>()) : "clean",
                          100 * gain["gain"].get<double>(), 100 * gain["ci95_low"].get<double>(),
                          100 * gain["ci95_high"].get<double>());
  for (const std::string& note : evaluation.notes) report += "\nNote: " + note + ".\n";
  for (const EvaluationRow* row : leading_rows(evaluation)) report += words_report(evaluation, *row);
  write("results.md", report);
  std::vector<std::string> lines{fmt::format("written: {}/results.json, results.md", folder.string())};
  if (rows_of(evaluation, evaluation.rows.at(0).model).size() < 2) return lines;  // a curve of one point
  try {
    eval::draw_noise_curve(curves_of(evaluation), title_of(evaluation), folder / "noise-curve.svg");
    lines.push_back(fmt::format("drawn: {}/noise-curve.svg", folder.string()));
  } catch (const std::runtime_error& error) {
    lines.emplace_back(error.what());
  }
  return lines;
}

}  // namespace avsr::pipeline
