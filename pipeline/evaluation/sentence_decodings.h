// The ways in which the answers of sentence models are read in one evaluation, and how their settings are chosen.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "decoding/ctc_decoder.h"
#include "pipeline/recognition/sentence_decoder.h"

namespace avsr::pipeline {

struct SentenceSettings {
  std::string words, grammar, language_model;  // files, as DecodingFiles; "": none. Each is tried, and each pair that
                                               // can be
  int beam = 0;                                // texts that a search keeps; 0: chosen
  bool any() const { return !words.empty() || !grammar.empty() || !language_model.empty() || beam != 0; }
  void validate() const;  // throws std::invalid_argument naming the option or the file that is not there
};

// One of them: the best path, or a beam search that is told these files.
struct SentenceDecoding {
  std::string name;  // "greedy", "beam", "words", "grammar", "language model", "grammar + language model", …
  bool greedy = false;
  DecodingFiles files;
};
// Greedy, beam, then what there are files for.
std::vector<SentenceDecoding> decodings_of(const SentenceSettings& settings);

// What is tried: one setting after the other, in this order, the others as chosen so far.
inline constexpr double kLanguageWeights[] = {0.25, 0.5, 1, 1.5, 2};
inline constexpr double kInsertionBonuses[] = {0, 0.5, 1, 2, 3};
inline constexpr int kBeams[] = {8, 16, 32};

// The settings with the fewest errors; of equals the first tried, the smallest beam. errors: of the whole of the
// validation clips. beam: 0 where it is to be chosen, too.
decoding::BeamSearch choose_search(bool has_language_model, int beam,
                                   const std::function<int64_t(const decoding::BeamSearch&)>& errors);

nlohmann::json to_json(const decoding::BeamSearch& search, bool has_language_model);

}  // namespace avsr::pipeline
