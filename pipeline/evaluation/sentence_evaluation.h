// What an evaluation of sentence models found: what every system heard under every condition.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "decoding/words.h"
#include "eval/bootstrap.h"
#include "eval/error_rate.h"
#include "io/clip.h"
#include "models/network_config.h"
#include "pipeline/evaluation/tested_split.h"

namespace avsr::pipeline {

struct SaidSentence {
  std::string text;                // words parted by one space each
  std::vector<std::string> words;  // of the text
  std::vector<io::Word> times;     // of the words, by the corpus; empty where it has none
};
// times: the clip's words; they are not used where they are other words, or without times.
SaidSentence said_sentence(const std::string& text, const std::vector<io::Word>& times);

struct HeardSentence {
  std::string text;                     // words parted by one space each; "" where none that is allowed fits the clip
  eval::ErrorCounts words, characters;  // against what was said; spaces between words are characters
  // Of the words that are right and have times: heard minus said, in seconds.
  std::vector<double> start_errors, end_errors;
};
HeardSentence heard_sentence(const SaidSentence& said, const std::vector<decoding::TimedWord>& words);

// One system, a model and a way to decode, under one condition.
struct SentenceRow {
  std::string model, decoding;  // their names in the tables
  models::Streams streams = models::Streams::audiovisual;
  Condition condition;
  std::vector<HeardSentence> heard;  // in the split's order

  eval::ErrorCounts words() const;  // of all sentences
  eval::ErrorCounts characters() const;
  double sentences_right() const;  // share, 0 to 1
  // Median of the absolute errors of the times, in seconds; none without a word that is right and has times.
  std::optional<double> start_error() const;
  std::optional<double> end_error() const;
  int64_t timed_words() const;
};

struct SentenceEvaluation : TestedSplit {
  std::vector<SaidSentence> said;      // of the clips
  std::vector<std::string> decodings;  // their names, in order
  std::vector<SentenceRow> rows;       // model by model, decoding by decoding, conditions in their order
  // [{model, decoding, beam, language_weight, insertion_bonus}], files, and the split on which they were chosen (null
  // where they were not).
  nlohmann::json search;

  std::vector<std::string> systems() const;  // names of the models, in order
  // The first audiovisual model, else the first: the one that others are compared with.
  std::string reference() const;
  // Null where the model cannot answer: the only stream that it perceives is missing.
  const SentenceRow* row(const std::string& model, const std::string& decoding, const Condition& condition) const;
  // The row with most word errors, of those with both streams and an intact picture.
  const SentenceRow* hardest(const std::string& model, const std::string& decoding) const;
  // 95 %, bootstrap over groups (Bisani and Ney 2004); none with fewer than two groups. Where nothing is wrong, which
  // no resampling can tell from chance, Wilson's over words or characters.
  enum class Unit : uint8_t { words, characters };
  std::optional<eval::Interval> interval(const SentenceRow& row, Unit unit) const;
};

}  // namespace avsr::pipeline
