#include "pipeline/evaluation/sentence_evaluation.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "eval/metrics.h"

namespace avsr::pipeline {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    text += word;
  }
  return text;
}

std::optional<double> median_size(const std::vector<HeardSentence>& heard,
                                  std::vector<double> HeardSentence::* errors) {
  std::vector<double> sizes;
  for (const HeardSentence& sentence : heard)
    for (const double error : sentence.*errors) sizes.push_back(std::abs(error));
  return eval::median(std::move(sizes));
}

}  // namespace

SaidSentence said_sentence(const std::string& text, const std::vector<io::Word>& times) {
  SaidSentence said;
  said.words = eval::words_of(text);
  said.text = joined(said.words);
  const bool fit = std::equal(said.words.begin(), said.words.end(), times.begin(), times.end(),
                              [](const std::string& word, const io::Word& timed) {
                                return word == timed.text && timed.end_seconds > timed.start_seconds;
                              });
  if (fit) said.times = times;
  return said;
}

HeardSentence heard_sentence(const SaidSentence& said, const std::vector<decoding::TimedWord>& words) {
  std::vector<std::string> texts;
  for (const decoding::TimedWord& word : words) texts.push_back(word.text);
  HeardSentence heard;
  heard.text = joined(texts);
  const std::vector<eval::EditStep> steps = eval::edit_alignment(said.words, texts);
  heard.words = eval::count_errors(steps);
  heard.characters = eval::token_errors(eval::characters_of(said.text), eval::characters_of(heard.text));
  for (const eval::EditStep& step : steps) {
    if (step.edit != eval::Edit::match || said.times.empty()) continue;
    const decoding::TimedWord& word = words[static_cast<size_t>(step.hypothesis)];
    const io::Word& time = said.times[static_cast<size_t>(step.reference)];
    heard.start_errors.push_back(word.start_seconds - time.start_seconds);
    heard.end_errors.push_back(word.end_seconds - time.end_seconds);
  }
  return heard;
}

eval::ErrorCounts SentenceRow::words() const {
  eval::ErrorCounts all;
  for (const HeardSentence& sentence : heard) all += sentence.words;
  return all;
}

eval::ErrorCounts SentenceRow::characters() const {
  eval::ErrorCounts all;
  for (const HeardSentence& sentence : heard) all += sentence.characters;
  return all;
}

double SentenceRow::sentences_right() const {
  const auto right = std::count_if(heard.begin(), heard.end(),
                                   [](const HeardSentence& sentence) { return sentence.words.errors() == 0; });
  return heard.empty() ? 0 : static_cast<double>(right) / static_cast<double>(heard.size());
}

std::optional<double> SentenceRow::start_error() const { return median_size(heard, &HeardSentence::start_errors); }
std::optional<double> SentenceRow::end_error() const { return median_size(heard, &HeardSentence::end_errors); }

int64_t SentenceRow::timed_words() const {
  int64_t words = 0;
  for (const HeardSentence& sentence : heard) words += static_cast<int64_t>(sentence.start_errors.size());
  return words;
}

std::vector<std::string> SentenceEvaluation::systems() const {
  std::vector<std::string> systems;
  for (const SentenceRow& row : rows)
    if (systems.empty() || systems.back() != row.model) systems.push_back(row.model);
  return systems;
}

std::string SentenceEvaluation::reference() const {
  const auto av = std::find_if(rows.begin(), rows.end(),
                               [](const SentenceRow& row) { return row.streams == models::Streams::audiovisual; });
  return av == rows.end() ? rows.front().model : av->model;
}

const SentenceRow* SentenceEvaluation::row(const std::string& model, const std::string& decoding,
                                           const Condition& condition) const {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const SentenceRow& row) {
    return row.model == model && row.decoding == decoding && row.condition == condition;
  });
  return found == rows.end() ? nullptr : &*found;
}

const SentenceRow* SentenceEvaluation::hardest(const std::string& model, const std::string& decoding) const {
  const SentenceRow* hardest = nullptr;
  for (const SentenceRow& row : rows)
    if (row.model == model && row.decoding == decoding && !row.condition.damage && !row.condition.missing &&
        (!hardest || row.words().errors() > hardest->words().errors()))
      hardest = &row;
  return hardest;
}

std::optional<eval::Interval> SentenceEvaluation::interval(const SentenceRow& row, Unit unit) const {
  const eval::ErrorCounts all = unit == Unit::words ? row.words() : row.characters();
  if (all.errors() == 0 && all.reference > 0) return eval::wilson_interval(0, all.reference);
  std::vector<double> errors, sizes;
  for (const HeardSentence& sentence : row.heard) {
    const eval::ErrorCounts& counts = unit == Unit::words ? sentence.words : sentence.characters;
    errors.push_back(static_cast<double>(counts.errors()));
    sizes.push_back(static_cast<double>(counts.reference));
  }
  return eval::bootstrap_ratio(errors, sizes, groups);
}

}  // namespace avsr::pipeline
