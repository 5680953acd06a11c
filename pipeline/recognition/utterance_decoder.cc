#include "pipeline/recognition/utterance_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "pipeline/recognition/sentence_choice.h"

namespace avsr::pipeline {
namespace {

constexpr const char* kKind = "ctc";

double seconds_of(int64_t frame) { return static_cast<double>(frame) / io::kFramesPerSecond; }

std::vector<decoding::Hypothesis> hypotheses(const SentenceDecoder& decoder, const decoding::LogProbabilities& clip,
                                             const SentenceTuning& tuning, int n_best) {
  if (tuning.beam == 1 && !decoder.constrained() && !decoder.has_language_model()) return {decoder.greedy(clip)};
  decoding::BeamSearch search;
  search.beam = tuning.beam;
  search.n_best = n_best;
  if (decoder.has_language_model()) {
    search.language_weight = tuning.language_weight;
    search.insertion_bonus = tuning.insertion_bonus;
  }
  return decoder.search(clip, search);
}

}  // namespace

SentenceTuning sentence_tuning_from_json(const nlohmann::json& json) {
  SentenceTuning tuning;
  if (json.is_null()) return tuning;
  try {
    if (json.at("kind") != kKind)
      throw std::runtime_error(fmt::format("[model] the decoding in the model file is of the kind {}, expected \"{}\"",
                                           json.at("kind").dump(), kKind));
    tuning.beam = json.value("beam", tuning.beam);
    tuning.language_weight = json.value("language_weight", tuning.language_weight);
    tuning.insertion_bonus = json.value("insertion_bonus", tuning.insertion_bonus);
    tuning.timing = timing_from_json(json);
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(fmt::format("[model] the decoding in the model file is incomplete: {}", error.what()));
  }
  return tuning;
}

nlohmann::json to_json(const SentenceTuning& tuning) {
  return {{"kind", kKind},
          {"beam", tuning.beam},
          {"language_weight", tuning.language_weight},
          {"insertion_bonus", tuning.insertion_bonus},
          {"start_shift_seconds", tuning.timing.start_shift_seconds},
          {"end_shift_seconds", tuning.timing.end_shift_seconds}};
}

void SentenceChoices::validate() const {
  if (beam && *beam < 1) throw std::invalid_argument(fmt::format("--beam must be at least 1, got {}", *beam));
  if (n_best < 1) throw std::invalid_argument(fmt::format("--n-best must be at least 1, got {}", n_best));
  if (beam && n_best > *beam)
    throw std::invalid_argument(
        fmt::format("--n-best {} is more than --beam {}: no more texts are left than the beam holds", n_best, *beam));
  if (!files.words.empty() && !files.grammar.empty())
    throw std::invalid_argument("--words and --grammar both say what may be said: expected one of them");
  if (files.language_model.empty() && (language_weight || insertion_bonus))
    throw std::invalid_argument("--language-weight and --insertion-bonus mean nothing without --language-model");
}

SentenceTuning SentenceChoices::applied_to(SentenceTuning tuning) const {
  tuning.beam = std::max(beam.value_or(tuning.beam), n_best);
  tuning.language_weight = language_weight.value_or(tuning.language_weight);
  tuning.insertion_bonus = insertion_bonus.value_or(tuning.insertion_bonus);
  return tuning;
}

DecodedUtterance decode(const SentenceDecoder& decoder, const Utterance& utterance, const SentenceTuning& tuning,
                        int n_best) {
  DecodedUtterance decoded;
  Segment& segment = decoded.segment;
  segment.start_seconds = seconds_of(utterance.first_frame);
  segment.end_seconds = seconds_of(utterance.first_frame + utterance.frames);
  segment.heard_by = utterance.answer.heard_by;
  segment.missing = missing_text(utterance.answer);
  if (!segment.heard_by) return decoded;

  const decoding::LogProbabilities clip{utterance.log_probabilities, decoder.symbols().size()};
  const std::vector<decoding::Hypothesis> found = hypotheses(decoder, clip, tuning, n_best);
  if (found.empty()) return decoded;
  segment.text = decoder.text(found.front());
  if (n_best > 1)
    for (const decoding::Hypothesis& hypothesis : found)
      segment.n_best.push_back({decoder.text(hypothesis), hypothesis.score, hypothesis.acoustic, hypothesis.language});
  decoding::WordTiming timing = tuning.timing;
  timing.offset_seconds = segment.start_seconds;
  for (const decoding::TimedWord& word : decoder.words(found.front(), utterance.frames, timing)) {
    SpokenWord spoken;
    spoken.word = {word.text, word.start_seconds, word.end_seconds, word.confidence};
    spoken.heard_by = *segment.heard_by;
    decoded.words.push_back(std::move(spoken));
  }
  return decoded;
}

}  // namespace avsr::pipeline
