// The written results of an evaluation of sentence models: tables, results.json and the noise curves.
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "eval/plot.h"
#include "io/atomic_file.h"
#include "pipeline/evaluation/evaluate_sentences.h"
#include "pipeline/evaluation/report_text.h"
#include "pipeline/evaluation/sentence_numbers.h"
#include "pipeline/evaluation/sentence_page.h"

namespace avsr::pipeline {
namespace {

using Unit = SentenceEvaluation::Unit;

constexpr size_t kShownMistakes = 10, kShownSentences = 10;  // in the report; results.json has all

std::string title_of(const SentenceEvaluation& evaluation) {
  return fmt::format("{} sentences", evaluation.said.size());
}

// "AV, grammar".
std::string row_name(const std::string& model, const std::string& decoding) {
  return fmt::format("{}, {}", model, decoding);
}

std::string rate_cell(const SentenceEvaluation& evaluation, const SentenceRow* row, Unit unit, bool markdown) {
  if (!row) return markdown ? " – |" : fmt::format("{:>9}", "-");
  const double rate = (unit == Unit::words ? row->words() : row->characters()).rate();
  if (!markdown) return fmt::format("{:>9.1f}", 100 * rate);
  const std::optional<eval::Interval> interval = evaluation.interval(*row, unit);
  return interval ? fmt::format(" {:.1f} ({:.1f}-{:.1f}) |", 100 * rate, 100 * interval->low, 100 * interval->high)
                  : fmt::format(" {:.1f} |", 100 * rate);
}

std::string panel_table(const SentenceEvaluation& evaluation, const TestedSplit::Panel& panel, Unit unit,
                        bool markdown) {
  size_t width = 5;
  for (const SentenceRow& row : evaluation.rows) width = std::max(width, row_name(row.model, row.decoding).size());
  std::string table = table_heading(unit == Unit::words ? "WER %" : "CER %", panel, markdown, width);
  for (const std::string& model : evaluation.systems())
    for (const std::string& decoding : evaluation.decodings) {
      const std::string name = row_name(model, decoding);
      table += markdown ? fmt::format("| {} |", markdown_text(name)) : fmt::format("{:<{}}", name, width);
      for (const Condition& condition : panel.conditions)
        table += rate_cell(evaluation, evaluation.row(model, decoding, condition), unit, markdown);
      table += "\n";
    }
  return table;
}

std::string rate_tables(const SentenceEvaluation& evaluation, Unit unit, bool markdown) {
  const std::vector<TestedSplit::Panel> panels = evaluation.panels();
  std::string text;
  for (const TestedSplit::Panel& panel : panels) {
    if (panels.size() > 1) text += fmt::format("\n{}{}\n{}", markdown ? "### " : "", panel.title, markdown ? "\n" : "");
    text += panel_table(evaluation, panel, unit, markdown);
  }
  return text;
}

std::string comparison_cell(const std::vector<ErrorComparison>& comparisons, const std::string& over,
                            const std::string& decoding, const Condition& condition) {
  const auto found = std::find_if(comparisons.begin(), comparisons.end(), [&](const ErrorComparison& c) {
    return c.over == over && c.decoding == decoding && c.condition == condition;
  });
  if (found == comparisons.end()) return " – |";
  return fmt::format(" {:+.1f}{}{} |", 100 * found->difference, found->p_holm < 0.05 ? "*" : "",
                     found->interval
                         ? fmt::format(" ({:+.1f} to {:+.1f})", 100 * found->interval->low, 100 * found->interval->high)
                         : "");
}

// By how many points of word error rate the reference is ahead of each other model, for every panel.
std::string comparison_tables(const SentenceEvaluation& evaluation) {
  const std::vector<ErrorComparison> comparisons = compare(evaluation);
  if (comparisons.empty()) return "";
  const std::string reference = evaluation.reference();
  std::string text = fmt::format(
      "\n## Points of word error rate that {} is ahead\n\nRead in the same way. In brackets: 95 % intervals (paired "
      "bootstrap by {}). * p < 0.05 by the matched-pairs test\nover sentences, corrected for the number of models "
      "under "
      "each condition (Holm).\n",
      markdown_text(reference), evaluation.grouped_by);
  for (const TestedSplit::Panel& panel : evaluation.panels()) {
    text += "\n";
    text += table_heading(panel.title, panel);
    for (const std::string& other : evaluation.systems())
      for (const std::string& decoding : evaluation.decodings) {
        if (other == reference) continue;
        text += fmt::format("| over {} |", markdown_text(row_name(other, decoding)));
        for (const Condition& condition : panel.conditions)
          text += comparison_cell(comparisons, other, decoding, condition);
        text += "\n";
      }
  }
  return text;
}

std::string time_text(const std::optional<double>& seconds) {
  return seconds ? fmt::format("{:.0f}", 1000 * *seconds) : "–";
}

// Kinds of errors, and how far the words' times are off.
std::string kinds_table(const SentenceEvaluation& evaluation) {
  std::string text =
      "\n## Kinds of errors, and times\n\n| | condition | words | replaced | missed | added | sentences right % | "
      "start "
      "off by ms | end off by ms |\n|---|---|---|---|---|---|---|---|---|\n";
  for (const SentenceRow& row : evaluation.rows) {
    const eval::ErrorCounts words = row.words();
    text += fmt::format(
        "| {} | {} | {} | {} | {} | {} | {:.1f} | {} | {} |\n", markdown_text(row_name(row.model, row.decoding)),
        markdown_text(evaluation.name_of(row.condition)), words.reference, words.substitutions, words.deletions,
        words.insertions, 100 * row.sentences_right(), time_text(row.start_error()), time_text(row.end_error()));
  }
  return text + "\nTimes: medians of the absolute differences to the corpus' own times, of the words that are right.\n";
}

std::string search_text(const SentenceEvaluation& evaluation) {
  const nlohmann::json& search = evaluation.search;
  std::string text = "\n## Searches\n\n| | beam | language weight | insertion bonus |\n|---|---|---|---|\n";
  for (const nlohmann::json& one : search.at("settings"))
    text +=
        fmt::format("| {} | {} | {} | {} |\n",
                    markdown_text(row_name(one.at("model").get<std::string>(), one.at("decoding").get<std::string>())),
                    one.at("beam").dump(), one.contains("language_weight") ? one["language_weight"].dump() : "–",
                    one.contains("insertion_bonus") ? one["insertion_bonus"].dump() : "–");
  if (!search.at("chosen_on").is_null())
    text += fmt::format("\nChosen on split {}.\n", search["chosen_on"].get<std::string>());
  return text;
}

std::string token_text(const std::string& token) {
  return token.empty() ? "–" : token == " " ? "(space)" : markdown_text(token);
}

std::string mistakes_table(const std::vector<Mistake>& mistakes) {
  std::string text = "| said | recognised as | times |\n|---|---|---|\n";
  for (size_t i = 0; i < std::min(mistakes.size(), kShownMistakes); ++i)
    text += fmt::format("| {} | {} | {} |\n", token_text(mistakes[i].said), token_text(mistakes[i].heard),
                        mistakes[i].times);
  return text;
}

// Of one model: where it is hardest for it, what it takes for what, and its worst sentences.
std::string mistakes_report(const SentenceEvaluation& evaluation, const SentenceRow& row) {
  std::string text = fmt::format("\n## Mistakes of {}, {}\n\n", markdown_text(row_name(row.model, row.decoding)),
                                 markdown_text(evaluation.name_of(row.condition)));
  if (row.words().errors() == 0) return text + "No word is wrong.\n";
  text += mistakes_table(word_mistakes(evaluation, row)) + "\n" + mistakes_table(character_mistakes(evaluation, row)) +
          "\nThe worst sentences:\n\n| said | recognised as | wrong words |\n|---|---|---|\n";
  for (const size_t i : worst_sentences(row, kShownSentences))
    text += fmt::format("| {} | {} | {} |\n", markdown_text(evaluation.said[i].text), token_text(row.heard[i].text),
                        row.heard[i].words.errors());
  return text;
}

std::string results_md(const SentenceEvaluation& evaluation) {
  std::string report = fmt::format(
      "# Word error rate: {}\n\n{}\nIn brackets: 95 % intervals (bootstrap by {}). {}\n\n## Character error rate\n\n{}",
      title_of(evaluation), rate_tables(evaluation, Unit::words, true), evaluation.grouped_by, data_text(evaluation),
      rate_tables(evaluation, Unit::characters, true));
  report += comparison_tables(evaluation) + kinds_table(evaluation) + search_text(evaluation);
  for (const std::string& note : evaluation.notes) report += "\nNote: " + note + ".\n";
  for (const std::string& model : evaluation.systems())
    if (const SentenceRow* row = evaluation.hardest(model, evaluation.decodings.front()))
      report += mistakes_report(evaluation, *row);
  return report;
}

}  // namespace

std::string error_rate_table(const SentenceEvaluation& evaluation, bool markdown) {
  return rate_tables(evaluation, Unit::words, markdown);
}

std::vector<std::string> write_results(const SentenceEvaluation& evaluation, const std::filesystem::path& folder) {
  const auto write = [&](const char* name, const std::string& text) {
    io::write_file_atomically((folder / name).string(), std::string_view(text));
  };
  const nlohmann::json results = results_json(evaluation);
  write("results.json", results.dump(2) + "\n");
  write("results.csv", results_csv(evaluation));
  write("results.md", results_md(evaluation));
  write("report.html", sentence_page(evaluation, results));
  std::vector<std::string> lines{fmt::format("written: {}/results.json, results.csv, results.md", folder.string()),
                                 fmt::format("report: {}, for a browser", (folder / "report.html").string())};
  const std::vector<TestedSplit::Panel> panels = evaluation.panels();
  for (size_t i = 0; i < panels.size(); ++i) {
    if (panels[i].conditions.size() < 2) continue;  // a curve of one point
    const std::filesystem::path picture = folder / picture_of(panels[i], i == 0);
    try {
      std::vector<eval::Curve> curves;
      for (const std::string& decoding : evaluation.decodings)
        for (eval::Curve& curve : error_curves(evaluation, panels[i], decoding)) {
          if (evaluation.decodings.size() > 1) curve.title = row_name(curve.title, decoding);
          curves.push_back(std::move(curve));
        }
      eval::draw_noise_curve(curves, fmt::format("{}, {}", title_of(evaluation), panels[i].title), picture,
                             eval::Measure::word_error_rate);
      lines.push_back(fmt::format("drawn: {}", picture.string()));
    } catch (const std::runtime_error& error) {
      lines.emplace_back(error.what());
    }
  }
  return lines;
}

}  // namespace avsr::pipeline
