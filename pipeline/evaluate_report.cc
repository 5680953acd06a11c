// The written results of an evaluation: tables, results.json and the noise curve.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <stdexcept>

#include "eval/confusions.h"
#include "eval/plot.h"
#include "io/atomic_file.h"
#include "pipeline/evaluate.h"
#include "pipeline/word_sequence.h"

namespace avsr::pipeline {
namespace {

constexpr size_t kShownWords = 10;  // in the report; results.json has all

std::string level_name(const Condition& condition) {
  return condition.snr_db ? fmt::format("{:g} dB", *condition.snr_db) : "clean";
}

std::vector<std::string> models_in_order(const Evaluation& evaluation) {
  std::vector<std::string> models;
  for (const EvaluationRow& row : evaluation.rows)
    if (models.empty() || models.back() != row.model) models.push_back(row.model);
  return models;
}

// One table and one picture: a noise at its levels, the picture damaged in one way or intact.
struct Panel {
  std::string title;                  // "babble", "white, blur:2"
  std::vector<Condition> conditions;  // clean first
};

std::vector<Panel> panels_of(const Evaluation& evaluation) {
  std::vector<Panel> panels;
  std::vector<std::optional<VideoDamage>> damages;
  for (const Condition& c : evaluation.conditions)
    if (std::find(damages.begin(), damages.end(), c.damage) == damages.end()) damages.push_back(c.damage);
  for (const auto& damage : damages)
    for (size_t n = 0; n < std::max<size_t>(1, evaluation.noises.size()); ++n) {
      Panel panel{n < evaluation.noises.size() ? evaluation.noises[n].at("name").get<std::string>() : "clean", {}};
      if (damage) panel.title += ", " + damage->text();
      for (const Condition& c : evaluation.conditions)
        if (c.damage == damage && (c.noise < 0 || c.noise == static_cast<int>(n))) panel.conditions.push_back(c);
      if (n == 0 || panel.conditions.size() > 1) panels.push_back(std::move(panel));  // clean alone stands once
    }
  return panels;
}

const EvaluationRow& row_of(const Evaluation& evaluation, const std::string& model, const Condition& condition) {
  return *std::find_if(evaluation.rows.begin(), evaluation.rows.end(),
                       [&](const EvaluationRow& row) { return row.model == model && row.condition == condition; });
}

nlohmann::json level_json(const Condition& condition) {
  return condition.snr_db ? nlohmann::json(*condition.snr_db) : nlohmann::json("clean");
}

void add_condition(const Evaluation& evaluation, const Condition& condition, nlohmann::json& json) {
  json["noise"] = condition.noise < 0 ? nlohmann::json("none")
                                      : evaluation.noises.at(static_cast<size_t>(condition.noise)).at("name");
  json["snr_db"] = level_json(condition);
  if (condition.damage) json["damage"] = condition.damage->text();
}

// Each model's row under the first condition: clean, where that was asked for.
std::vector<const EvaluationRow*> leading_rows(const Evaluation& evaluation) {
  std::vector<const EvaluationRow*> leading;
  for (const std::string& model : models_in_order(evaluation))
    leading.push_back(&row_of(evaluation, model, evaluation.conditions.front()));
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
  nlohmann::json json{{"model", row.model}, {"words", words}, {"confusions", confusions}};
  add_condition(evaluation, row.condition, json);
  return json;
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

// Accuracy gained by the first audiovisual model over the first audio model under each condition, with its interval.
nlohmann::json gains_of(const Evaluation& evaluation) {
  const auto first = [&](models::Streams streams) {
    const auto row = std::find_if(evaluation.rows.begin(), evaluation.rows.end(),
                                  [&](const EvaluationRow& r) { return r.streams == streams; });
    return row == evaluation.rows.end() ? std::string() : row->model;
  };
  const std::string av = first(models::Streams::audiovisual), a = first(models::Streams::audio);
  nlohmann::json gains = nlohmann::json::array();
  if (av.empty() || a.empty()) return gains;
  for (const Condition& condition : evaluation.conditions) {
    const EvaluationRow &better = row_of(evaluation, av, condition), &worse = row_of(evaluation, a, condition);
    const eval::Interval interval = eval::paired_bootstrap(better.hits(evaluation.words), worse.hits(evaluation.words));
    nlohmann::json gain{{"model", av},
                        {"over", a},
                        {"gain", better.accuracy(evaluation.words) - worse.accuracy(evaluation.words)},
                        {"ci95_low", interval.low},
                        {"ci95_high", interval.high}};
    add_condition(evaluation, condition, gain);
    gain["name"] = evaluation.name_of(condition);
    gains.push_back(std::move(gain));
  }
  return gains;
}

std::vector<eval::Curve> curves_of(const Evaluation& evaluation, const Panel& panel) {
  std::vector<eval::Curve> curves;
  for (const std::string& model : models_in_order(evaluation)) {
    eval::Curve curve{model, {}};
    for (const Condition& condition : panel.conditions) {
      const EvaluationRow& row = row_of(evaluation, model, condition);
      const eval::Interval interval = row.interval(evaluation.words);
      curve.points.push_back({!condition.snr_db, condition.snr_db.value_or(0), row.accuracy(evaluation.words),
                              interval.low, interval.high});
    }
    curves.push_back(std::move(curve));
  }
  return curves;
}

std::string title_of(const Evaluation& evaluation) {
  const size_t words = evaluation.labels.size() - (background_of(evaluation.labels) >= 0 ? 1 : 0);
  return fmt::format("{} words, {} clips", words, evaluation.keys.size());
}

std::string panel_table(const Evaluation& evaluation, const Panel& panel, bool markdown) {
  const std::vector<std::string> models = models_in_order(evaluation);
  size_t width = 5;
  for (const std::string& model : models) width = std::max(width, model.size());
  std::string head = markdown ? "| % |" : fmt::format("{:<{}}", "%", width), ruler = "|---|";
  for (const Condition& condition : panel.conditions) {
    head += markdown ? fmt::format(" {} |", level_name(condition)) : fmt::format("{:>9}", level_name(condition));
    ruler += "---|";
  }
  std::string table = head + "\n" + (markdown ? ruler + "\n" : "");
  for (const std::string& model : models) {
    table += markdown ? fmt::format("| {} |", markdown_text(model)) : fmt::format("{:<{}}", model, width);
    for (const Condition& condition : panel.conditions) {
      const EvaluationRow& row = row_of(evaluation, model, condition);
      const eval::Interval interval = row.interval(evaluation.words);
      table += markdown ? fmt::format(" {:.1f} ({:.1f}-{:.1f}) |", 100 * row.accuracy(evaluation.words),
                                      100 * interval.low, 100 * interval.high)
                        : fmt::format("{:>9.1f}", 100 * row.accuracy(evaluation.words));
    }
    table += "\n";
  }
  return table;
}

// "noise-curve.svg" for the first panel, then "noise-curve-white-blur-2.svg".
std::string picture_of(const Panel& panel, bool first) {
  std::string name = first ? "noise-curve" : "noise-curve-" + panel.title;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '.') c = '-';
  return name + ".svg";
}

}  // namespace

std::string accuracy_table(const Evaluation& evaluation, bool markdown) {
  const std::vector<Panel> panels = panels_of(evaluation);
  std::string text;
  for (const Panel& panel : panels) {
    if (panels.size() > 1) text += fmt::format("\n{}{}\n{}", markdown ? "### " : "", panel.title, markdown ? "\n" : "");
    text += panel_table(evaluation, panel, markdown);
  }
  return text;
}

nlohmann::json results_json(const Evaluation& evaluation) {
  nlohmann::json rows = nlohmann::json::array();
  for (const EvaluationRow& row : evaluation.rows) {
    const eval::Interval interval = row.interval(evaluation.words);
    nlohmann::json one{{"model", row.model},
                       {"streams", name_of(row.streams)},
                       {"accuracy", row.accuracy(evaluation.words)},
                       {"correct", row.correct(evaluation.words)},
                       {"clips", row.clips()},
                       {"ci95_low", interval.low},
                       {"ci95_high", interval.high}};
    add_condition(evaluation, row.condition, one);
    rows.push_back(std::move(one));
  }
  nlohmann::json by_word = nlohmann::json::array();
  for (const EvaluationRow* row : leading_rows(evaluation)) by_word.push_back(by_word_json(evaluation, *row));
  return {{"rows", rows},
          {"by_word", by_word},
          {"gains", gains_of(evaluation)},
          {"noises", evaluation.noises},
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
    report += fmt::format("\n{} - {}, {}: {:+.1f} points (95 %: {:+.1f} to {:+.1f})\n", markdown_text(gain["model"]),
                          markdown_text(gain["over"]), markdown_text(gain["name"]), 100 * gain["gain"].get<double>(),
                          100 * gain["ci95_low"].get<double>(), 100 * gain["ci95_high"].get<double>());
  for (const std::string& note : evaluation.notes) report += "\nNote: " + note + ".\n";
  for (const EvaluationRow* row : leading_rows(evaluation)) report += words_report(evaluation, *row);
  write("results.md", report);
  std::vector<std::string> lines{fmt::format("written: {}/results.json, results.md", folder.string())};
  const std::vector<Panel> panels = panels_of(evaluation);
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
