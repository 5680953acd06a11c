#include "pipeline/evaluation/sentence_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "pipeline/evaluation/page_facts.h"
#include "pipeline/evaluation/sentence_numbers.h"
#include "pipeline/html_page.h"
#include "pipeline/page_plots.h"

namespace avsr::pipeline {
namespace {

using nlohmann::json;

constexpr size_t kShownMistakes = 10, kShownSentences = 12;
constexpr double kSignificant = 0.05;

std::string percent(const json& share) {
  return share.is_number() ? fmt::format("{:.1f}", 100 * share.get<double>()) : "–";
}

// The rows of results.json by what they are of.
class Rows {
 public:
  Rows(const SentenceEvaluation& evaluation, const json& results) : evaluation_(evaluation), results_(results) {}
  const json* find(const std::string& model, const std::string& decoding, const Condition& condition) const {
    const SentenceRow* row = evaluation_.row(model, decoding, condition);
    return row ? &results_.at("rows").at(static_cast<size_t>(row - evaluation_.rows.data())) : nullptr;
  }

 private:
  const SentenceEvaluation& evaluation_;
  const json& results_;
};

// rate: "wer" or "cer".
json rate_cell(const json* row, const std::string& rate, double best) {
  if (!row) return {{"rate", "–"}, {"best", false}, {"interval", false}};
  json cell{{"rate", percent(row->at(rate))}, {"best", row->at(rate).get<double>() <= best}, {"interval", false}};
  if (row->at(rate + "_ci95_low").is_number())
    cell["interval"] =
        fmt::format("{}–{}", percent(row->at(rate + "_ci95_low")), percent(row->at(rate + "_ci95_high")));
  return cell;
}

json rate_rows(const SentenceEvaluation& evaluation, const Rows& rows, const TestedSplit::Panel& panel,
               const std::string& decoding, const std::string& rate) {
  std::vector<double> best(panel.conditions.size(), 1e9);
  for (const std::string& model : evaluation.systems())
    for (size_t c = 0; c < best.size(); ++c)
      if (const json* row = rows.find(model, decoding, panel.conditions[c]))
        best[c] = std::min(best[c], row->at(rate).get<double>());
  json table = json::array();
  for (const std::string& model : evaluation.systems()) {
    json cells = json::array();
    for (size_t c = 0; c < best.size(); ++c)
      cells.push_back(rate_cell(rows.find(model, decoding, panel.conditions[c]), rate, best[c]));
    table.push_back({{"system", model}, {"cells", cells}});
  }
  return table;
}

json figure_of(const SentenceEvaluation& evaluation, const TestedSplit::Panel& panel, const std::string& decoding,
               PagePlots& plots) {
  if (panel.conditions.size() < 2) return false;  // a curve of one point
  const std::vector<eval::Curve> curves = error_curves(evaluation, panel, decoding);
  std::string alt = fmt::format("Word error rate against signal-to-noise ratio, {}, {}.", panel.title, decoding);
  for (const eval::Curve& curve : curves) {
    alt += fmt::format(" {}:", curve.title);
    for (size_t i = 0; i < curve.points.size(); ++i) {
      const eval::Curve::Point& point = curve.points[i];
      alt += fmt::format("{} {:.1f} % {}", i == 0 ? "" : ",", 100 * point.value,
                         point.clean ? std::string("clean") : fmt::format("{:g} dB", point.snr_db));
    }
    alt += ".";
  }
  return plots.place(eval::noise_bands(curves, "", eval::Measure::word_error_rate), alt);
}

void add_panels(const SentenceEvaluation& evaluation, const Rows& rows, PagePlots& plots, json& page) {
  page["panels"] = json::array();
  for (const TestedSplit::Panel& panel : evaluation.panels()) {
    json levels = json::array(), decodings = json::array();
    for (const Condition& condition : panel.conditions) levels.push_back(level_name(condition));
    for (const std::string& decoding : evaluation.decodings)
      decodings.push_back({{"decoding", decoding},
                           {"figure", figure_of(evaluation, panel, decoding, plots)},
                           {"words", rate_rows(evaluation, rows, panel, decoding, "wer")},
                           {"characters", rate_rows(evaluation, rows, panel, decoding, "cer")}});
    page["panels"].push_back({{"panel", panel.title}, {"levels", levels}, {"decodings", decodings}});
  }
}

void add_comparisons(const SentenceEvaluation& evaluation, json& page) {
  const std::vector<ErrorComparison> comparisons = compare(evaluation);
  page["compared"] = !comparisons.empty();
  page["reference"] = evaluation.reference();
  page["comparisons"] = json::array();
  for (const ErrorComparison& one : comparisons) {
    json row{{"over", one.over},
             {"decoding", one.decoding},
             {"condition", evaluation.name_of(one.condition)},
             {"points", fmt::format("{:+.1f}", 100 * one.difference)},
             {"significant", one.p_holm < kSignificant},
             {"interval", false},
             {"better", one.better},
             {"worse", one.worse},
             {"p", fmt::format("{:.3g}", one.p_holm)}};
    if (one.interval)
      row["interval"] = fmt::format("{:+.1f} to {:+.1f}", 100 * one.interval->low, 100 * one.interval->high);
    page["comparisons"].push_back(std::move(row));
  }
}

void add_kinds(const SentenceEvaluation& evaluation, const json& results, json& page) {
  const auto time = [](const json& value) {
    return value.is_number() ? fmt::format("{:.0f}", value.get<double>()) : "–";
  };
  page["kinds"] = json::array();
  for (size_t i = 0; i < evaluation.rows.size(); ++i) {
    const json& row = results.at("rows").at(i);
    json cells = json::array();
    for (const char* key : {"words", "substitutions", "deletions", "insertions"}) cells.push_back(row.at(key).dump());
    cells.push_back(percent(row.at("sentences_right")));
    cells.push_back(time(row.at("start_error_ms")));
    cells.push_back(time(row.at("end_error_ms")));
    page["kinds"].push_back({{"system", row.at("model")},
                             {"decoding", row.at("decoding")},
                             {"condition", evaluation.name_of(evaluation.rows[i].condition)},
                             {"cells", cells}});
  }
}

void add_searches(const SentenceEvaluation& evaluation, json& page) {
  const json& search = evaluation.search;
  page["chosen_on"] = search.at("chosen_on").is_null() ? json(false) : search["chosen_on"];
  for (const char* file : {"words", "grammar", "language_model"})
    page[fmt::format("{}_file", file)] = search.at(file) == "" ? json(false) : search[file];
  page["searches"] = json::array();
  for (const json& one : search.at("settings"))
    page["searches"].push_back({{"system", one.at("model")},
                                {"decoding", one.at("decoding")},
                                {"beam", one.at("beam").dump()},
                                {"weight", one.contains("language_weight") ? one["language_weight"].dump() : "–"},
                                {"bonus", one.contains("insertion_bonus") ? one["insertion_bonus"].dump() : "–"}});
}

std::string token_text(const std::string& token) { return token.empty() ? "–" : token == " " ? "(space)" : token; }

json mistakes_table(const std::vector<Mistake>& mistakes) {
  json rows = json::array();
  for (size_t i = 0; i < std::min(mistakes.size(), kShownMistakes); ++i)
    rows.push_back({{"said", token_text(mistakes[i].said)},
                    {"heard", token_text(mistakes[i].heard)},
                    {"times", mistakes[i].times}});
  return rows;
}

// The two texts one above the other, word by word: {said, heard, wrong, kind}.
json aligned(const SaidSentence& said, const std::string& heard) {
  const std::vector<std::string> words = eval::words_of(heard);
  json pairs = json::array();
  for (const eval::EditStep& step : eval::edit_alignment(said.words, words)) {
    static constexpr const char* kKinds[] = {"right", "replaced", "missed", "added"};
    pairs.push_back({{"said", step.reference < 0 ? "–" : said.words[static_cast<size_t>(step.reference)]},
                     {"heard", step.hypothesis < 0 ? "–" : words[static_cast<size_t>(step.hypothesis)]},
                     {"wrong", step.edit != eval::Edit::match},
                     {"kind", kKinds[static_cast<size_t>(step.edit)]}});
  }
  return pairs;
}

void add_details(const SentenceEvaluation& evaluation, json& page) {
  page["details"] = json::array();
  for (const std::string& model : evaluation.systems()) {
    const std::string& decoding = evaluation.decodings.front();
    const SentenceRow* row = evaluation.hardest(model, decoding);
    if (!row) continue;
    json worst = json::array();
    for (const size_t i : worst_sentences(*row, kShownSentences))
      worst.push_back({{"key", evaluation.keys[i]},
                       {"errors", row->heard[i].words.errors()},
                       {"pairs", aligned(evaluation.said[i], row->heard[i].text)}});
    page["details"].push_back({{"system", model},
                               {"number", page["details"].size() + 1},
                               {"decoding", decoding},
                               {"condition", evaluation.name_of(row->condition)},
                               {"flawless", worst.empty()},
                               {"worst", worst},
                               {"words", mistakes_table(word_mistakes(evaluation, *row))},
                               {"characters", mistakes_table(character_mistakes(evaluation, *row))}});
  }
}

}  // namespace

std::vector<eval::Curve> error_curves(const SentenceEvaluation& evaluation, const TestedSplit::Panel& panel,
                                      const std::string& decoding) {
  std::vector<eval::Curve> curves;
  for (const std::string& model : evaluation.systems()) {
    eval::Curve curve{model, {}};
    for (const Condition& condition : panel.conditions) {
      const SentenceRow* row = evaluation.row(model, decoding, condition);
      if (!row) continue;
      const double rate = row->words().rate();
      const eval::Interval interval =
          evaluation.interval(*row, SentenceEvaluation::Unit::words).value_or(eval::Interval{rate, rate});
      curve.points.push_back({!condition.snr_db, condition.snr_db.value_or(0), rate, interval.low, interval.high});
    }
    if (!curve.points.empty()) curves.push_back(std::move(curve));
  }
  return curves;
}

std::string sentence_page(const SentenceEvaluation& evaluation, const json& results) {
  PagePlots plots;
  json page{{"title", fmt::format("{} sentences", evaluation.said.size())}};
  add_facts(evaluation, page);
  add_panels(evaluation, Rows(evaluation, results), plots, page);
  add_comparisons(evaluation, page);
  add_kinds(evaluation, results, page);
  add_searches(evaluation, page);
  add_details(evaluation, page);
  try {
    plots.draw(page);
  } catch (const std::runtime_error& error) {
    page["undrawn"] = error.what();
  }
  return html_page("sentences", page);
}

}  // namespace avsr::pipeline
