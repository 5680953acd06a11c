// What changed from one evaluation to another, from the results.json of both.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "eval/bootstrap.h"

namespace avsr::pipeline {

// One system under one condition, on the clips that both evaluations have.
struct RowChange {
  std::string model, condition;            // "clean", "babble -5 dB, blur:2"; of sentences "clean; grammar"
  double before = 0, after = 0;            // accuracies, of sentences word error rates: shares, 1 is 100 %
  std::optional<eval::Interval> interval;  // 95 %, of after - before: paired bootstrap over the first one's groups
  // Clips that only the first, only the second has right; sentences in which the second has more, fewer wrong words.
  int64_t lost = 0, gained = 0;
  double p = 1, p_holm = 1;  // McNemar's exact test, of sentences the matched-pairs test; corrected for the number of
                             // rows (Holm)
};

// A word under all compared rows together.
struct WordChange {
  std::string word;
  int64_t clips = 0, before = 0, after = 0;  // times said, times rows; of which right
};

struct ResultsChange {
  std::vector<RowChange> rows;
  std::vector<WordChange> words;   // that changed, the largest change in answers first
  std::vector<std::string> notes;  // what else differs: data, seed, noise, rows of one alone
  int64_t clips = 0;               // that both have
  bool sentences = false;          // of models that write sentences
};

// Systems are matched by name; where no name is in both and each has one system, these two. Throws
// std::invalid_argument when the two have no clip or no row in common, or one is of words and one of sentences.
ResultsChange compare_results(const nlohmann::json& before, const nlohmann::json& after);

// The results.json that `path` is or, of a folder, holds. Throws std::runtime_error naming the file when it is not what
// `avsr evaluate` writes.
nlohmann::json read_results(const std::string& path);

}  // namespace avsr::pipeline
