// The numbers that an evaluation of sentence models comes to.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pipeline/evaluation/sentence_evaluation.h"

namespace avsr::pipeline {

// The reference model against another one, read in the same way, on the same clips.
struct ErrorComparison {
  std::string system, over, decoding;
  Condition condition;
  double difference = 0;                   // of word error rates: the other's minus the reference's
  std::optional<eval::Interval> interval;  // 95 %, paired bootstrap over groups; none with fewer than two groups
  int64_t better = 0, worse = 0;           // sentences in which the reference has fewer, or more, wrong words
  double p = 1, p_holm = 1;  // matched-pairs test; corrected for the models under this condition and decoding
};
// Decoding by decoding, condition by condition, models in their order; empty with one model.
std::vector<ErrorComparison> compare(const SentenceEvaluation& evaluation);

// How often a word, or a character, was taken for another, was missed, or was added.
struct Mistake {
  std::string said, heard;  // "": added, missed
  int64_t times = 0;
};
// The most frequent first; of equals in order of the texts.
std::vector<Mistake> word_mistakes(const SentenceEvaluation& evaluation, const SentenceRow& row);
std::vector<Mistake> character_mistakes(const SentenceEvaluation& evaluation, const SentenceRow& row);

// Indices of the sentences with errors, most wrong words first; of equals most wrong characters, then the order of the
// split. At most `most`.
std::vector<size_t> worst_sentences(const SentenceRow& row, size_t most);

// {kind: "sentences", rows: [{model, decoding, streams, noise, snr_db, damage, missing, wer, wer_ci95_low,
// wer_ci95_high, words, substitutions, deletions, insertions, cer, cer_ci95_low, cer_ci95_high, characters,
// character_substitutions, …, sentences_right, start_error_ms, end_error_ms, timed_words, heard: [text], errors: [wrong
// words of each sentence]}], clips: {keys, texts, words: [number], groups}, decodings, search, comparisons: [{model,
// over, decoding, …}], mistakes: [{model, decoding, words: [{said, heard, times}], characters}] (each under the first
// condition), noises, data, models, notes}. What has no value is null.
nlohmann::json results_json(const SentenceEvaluation& evaluation);
// The rows as a table for other programs.
std::string results_csv(const SentenceEvaluation& evaluation);

}  // namespace avsr::pipeline
