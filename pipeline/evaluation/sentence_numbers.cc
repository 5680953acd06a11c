#include "pipeline/evaluation/sentence_numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

#include "eval/significance.h"
#include "io/csv.h"

namespace avsr::pipeline {
namespace {

using nlohmann::json;
using Unit = SentenceEvaluation::Unit;

constexpr double kMillisecondsPerSecond = 1000;

json milliseconds(const std::optional<double>& seconds) {
  return seconds ? json(kMillisecondsPerSecond * *seconds) : json();
}

ErrorComparison compare_rows(const SentenceEvaluation& evaluation, const SentenceRow& row, const SentenceRow& over) {
  ErrorComparison one{.system = row.model,
                      .over = over.model,
                      .decoding = row.decoding,
                      .condition = row.condition,
                      .interval = std::nullopt};
  std::vector<int64_t> errors, others;
  std::vector<double> fewer, words;
  for (size_t i = 0; i < row.heard.size(); ++i) {
    errors.push_back(row.heard[i].words.errors());
    others.push_back(over.heard[i].words.errors());
    fewer.push_back(static_cast<double>(others.back() - errors.back()));
    words.push_back(static_cast<double>(row.heard[i].words.reference));
    one.better += errors.back() < others.back() ? 1 : 0;
    one.worse += errors.back() > others.back() ? 1 : 0;
  }
  one.difference = over.words().rate() - row.words().rate();
  one.interval = eval::bootstrap_ratio(fewer, words, evaluation.groups);
  one.p = eval::matched_pairs_p(errors, others);
  return one;
}

using Tokens = std::vector<std::string> (*)(std::string_view);

std::vector<Mistake> mistakes_of(const SentenceEvaluation& evaluation, const SentenceRow& row, Tokens tokens) {
  std::map<std::pair<std::string, std::string>, int64_t> counts;
  for (size_t i = 0; i < row.heard.size(); ++i) {
    const std::vector<std::string> said = tokens(evaluation.said[i].text), heard = tokens(row.heard[i].text);
    for (const eval::EditStep& step : eval::edit_alignment(said, heard)) {
      if (step.edit == eval::Edit::match) continue;
      ++counts[{step.reference < 0 ? "" : said[static_cast<size_t>(step.reference)],
                step.hypothesis < 0 ? "" : heard[static_cast<size_t>(step.hypothesis)]}];
    }
  }
  std::vector<Mistake> mistakes;
  for (const auto& [pair, times] : counts) mistakes.push_back({pair.first, pair.second, times});
  std::stable_sort(mistakes.begin(), mistakes.end(),
                   [](const Mistake& a, const Mistake& b) { return a.times > b.times; });
  return mistakes;
}

json mistakes_json(const std::vector<Mistake>& mistakes) {
  json all = json::array();
  for (const Mistake& mistake : mistakes)
    all.push_back({{"said", mistake.said}, {"heard", mistake.heard}, {"times", mistake.times}});
  return all;
}

// Keys begin with the prefix, and the rate's with its name.
void add_counts(const eval::ErrorCounts& counts, const std::optional<eval::Interval>& interval, const char* rate,
                const char* tokens, const char* prefix, json& row) {
  row[rate] = counts.rate();
  row[fmt::format("{}_ci95_low", rate)] = interval ? json(interval->low) : json();
  row[fmt::format("{}_ci95_high", rate)] = interval ? json(interval->high) : json();
  row[tokens] = counts.reference;
  row[fmt::format("{}substitutions", prefix)] = counts.substitutions;
  row[fmt::format("{}deletions", prefix)] = counts.deletions;
  row[fmt::format("{}insertions", prefix)] = counts.insertions;
}

json row_json(const SentenceEvaluation& evaluation, const SentenceRow& row) {
  json one{{"model", row.model},
           {"decoding", row.decoding},
           {"streams", name_of(row.streams)},
           {"sentences_right", row.sentences_right()},
           {"start_error_ms", milliseconds(row.start_error())},
           {"end_error_ms", milliseconds(row.end_error())},
           {"timed_words", row.timed_words()},
           {"heard", json::array()},
           {"errors", json::array()}};
  add_counts(row.words(), evaluation.interval(row, Unit::words), "wer", "words", "", one);
  add_counts(row.characters(), evaluation.interval(row, Unit::characters), "cer", "characters", "character_", one);
  evaluation.describe(row.condition, one);
  for (const HeardSentence& sentence : row.heard) {
    one["heard"].push_back(sentence.text);
    one["errors"].push_back(sentence.words.errors());
  }
  return one;
}

json comparison_json(const SentenceEvaluation& evaluation, const ErrorComparison& one) {
  json comparison{{"model", one.system},
                  {"over", one.over},
                  {"decoding", one.decoding},
                  {"difference", one.difference},
                  {"better", one.better},
                  {"worse", one.worse},
                  {"p", one.p},
                  {"p_holm", one.p_holm}};
  if (one.interval) comparison.update({{"ci95_low", one.interval->low}, {"ci95_high", one.interval->high}});
  evaluation.describe(one.condition, comparison);
  return comparison;
}

json clips_json(const SentenceEvaluation& evaluation) {
  json texts = json::array(), words = json::array();
  for (const SaidSentence& said : evaluation.said) {
    texts.push_back(said.text);
    words.push_back(said.words.size());
  }
  return {{"keys", evaluation.keys}, {"texts", texts}, {"words", words}, {"groups", evaluation.groups}};
}

}  // namespace

std::vector<ErrorComparison> compare(const SentenceEvaluation& evaluation) {
  const std::vector<std::string> systems = evaluation.systems();
  const std::string reference = evaluation.reference();
  std::vector<ErrorComparison> all;
  for (const std::string& decoding : evaluation.decodings)
    for (const Condition& condition : evaluation.conditions) {
      std::vector<ErrorComparison> here;
      std::vector<double> p_values;
      const SentenceRow* ahead = evaluation.row(reference, decoding, condition);
      for (const std::string& other : systems) {
        const SentenceRow* behind = evaluation.row(other, decoding, condition);
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

std::vector<Mistake> word_mistakes(const SentenceEvaluation& evaluation, const SentenceRow& row) {
  return mistakes_of(evaluation, row, eval::words_of);
}

std::vector<Mistake> character_mistakes(const SentenceEvaluation& evaluation, const SentenceRow& row) {
  return mistakes_of(evaluation, row, eval::characters_of);
}

std::vector<size_t> worst_sentences(const SentenceRow& row, size_t most) {
  std::vector<size_t> worst(row.heard.size());
  std::iota(worst.begin(), worst.end(), size_t{0});
  std::erase_if(worst, [&](size_t i) { return row.heard[i].words.errors() == 0; });
  const auto errors = [&](size_t i) {
    return std::tuple(row.heard[i].words.errors(), row.heard[i].characters.errors());
  };
  std::stable_sort(worst.begin(), worst.end(), [&](size_t a, size_t b) { return errors(a) > errors(b); });
  if (worst.size() > most) worst.resize(most);
  return worst;
}

json results_json(const SentenceEvaluation& evaluation) {
  json rows = json::array(), mistakes = json::array(), comparisons = json::array();
  for (const SentenceRow& row : evaluation.rows) {
    rows.push_back(row_json(evaluation, row));
    if (row.condition == evaluation.conditions.front())
      mistakes.push_back({{"model", row.model},
                          {"decoding", row.decoding},
                          {"words", mistakes_json(word_mistakes(evaluation, row))},
                          {"characters", mistakes_json(character_mistakes(evaluation, row))}});
  }
  for (const ErrorComparison& one : compare(evaluation)) comparisons.push_back(comparison_json(evaluation, one));
  return {{"kind", "sentences"},
          {"rows", rows},
          {"clips", clips_json(evaluation)},
          {"decodings", evaluation.decodings},
          {"search", evaluation.search},
          {"comparisons", comparisons},
          {"mistakes", mistakes},
          {"grouped_by", evaluation.grouped_by},
          {"noises", evaluation.noises},
          {"data", evaluation.data},
          {"models", evaluation.models},
          {"notes", evaluation.notes}};
}

std::string results_csv(const SentenceEvaluation& evaluation) {
  static constexpr const char* kColumns[] = {"model",
                                             "decoding",
                                             "streams",
                                             "noise",
                                             "snr_db",
                                             "damage",
                                             "missing",
                                             "wer",
                                             "wer_ci95_low",
                                             "wer_ci95_high",
                                             "words",
                                             "substitutions",
                                             "deletions",
                                             "insertions",
                                             "cer",
                                             "cer_ci95_low",
                                             "cer_ci95_high",
                                             "characters",
                                             "character_substitutions",
                                             "character_deletions",
                                             "character_insertions",
                                             "sentences_right",
                                             "start_error_ms",
                                             "end_error_ms",
                                             "timed_words"};
  const auto line = [](const std::vector<std::string>& fields) {
    std::string text;
    for (const std::string& field : fields) {
      if (!text.empty()) text += ',';
      text += io::csv_field(field);
    }
    text += '\n';
    return text;
  };
  std::string csv = line({std::begin(kColumns), std::end(kColumns)});
  for (const SentenceRow& row : evaluation.rows) {
    const json one = row_json(evaluation, row);
    std::vector<std::string> fields;
    for (const char* column : kColumns) {
      const json& value = one.at(column);
      fields.push_back(value.is_null()           ? ""
                       : value.is_string()       ? value.get<std::string>()
                       : value.is_number_float() ? fmt::format("{:.6g}", value.get<double>())
                                                 : value.dump());
    }
    csv += line(fields);
  }
  return csv;
}

}  // namespace avsr::pipeline
