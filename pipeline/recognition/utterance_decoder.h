// From an utterance's probabilities to its segment of a transcript: text, other likely texts, words with times.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "pipeline/recognition/sentence_decoder.h"
#include "pipeline/recognition/transcript.h"
#include "pipeline/recognition/utterance_cutter.h"

namespace avsr::pipeline {

// What a sentence model's file says under "decoding": measured and chosen on validation sentences.
struct SentenceTuning {
  int beam = 16;
  double language_weight = 1, insertion_bonus = 0;  // decoding::BeamSearch
  decoding::WordTiming timing;                      // its shifts alone
};
// {"kind": "ctc"} and any of the fields by name; null gives the defaults. Throws std::runtime_error on other kinds and
// types.
SentenceTuning sentence_tuning_from_json(const nlohmann::json& json);
nlohmann::json to_json(const SentenceTuning& tuning);

// What the user chose; the rest is the model's.
struct SentenceChoices {
  std::optional<int> beam;  // 1: the best symbol of each frame, without search, where no file asks for one
  int n_best = 1;
  std::optional<double> language_weight, insertion_bonus;
  DecodingFiles files;
  void validate() const;  // throws std::invalid_argument naming the option
  SentenceTuning applied_to(SentenceTuning tuning) const;
};

struct DecodedUtterance {
  Segment segment;
  std::vector<SpokenWord> words;
};

// tuning: of the model that answered, with the user's choices. Where nothing that is allowed fits, the text is empty.
DecodedUtterance decode(const SentenceDecoder& decoder, const Utterance& utterance, const SentenceTuning& tuning,
                        int n_best);

}  // namespace avsr::pipeline
