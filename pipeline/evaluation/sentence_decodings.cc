#include "pipeline/evaluation/sentence_decodings.h"

#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>

namespace avsr::pipeline {

void SentenceSettings::validate() const {
  const auto require = [](const char* option, const std::string& file) {
    if (!file.empty() && !std::filesystem::is_regular_file(file))
      throw std::invalid_argument(fmt::format("{}: found no file '{}'", option, file));
  };
  require("--words", words);
  require("--grammar", grammar);
  require("--language-model", language_model);
  if (beam < 0) throw std::invalid_argument(fmt::format("--beam: expected 1 or more, or 0 to choose it, got {}", beam));
}

std::vector<SentenceDecoding> decodings_of(const SentenceSettings& settings) {
  std::vector<SentenceDecoding> decodings{{.name = "greedy", .greedy = true, .files = {}},
                                          {.name = "beam", .files = {}}};
  if (!settings.words.empty()) decodings.push_back({.name = "words", .files = {.words = settings.words}});
  if (!settings.grammar.empty()) decodings.push_back({.name = "grammar", .files = {.grammar = settings.grammar}});
  if (settings.language_model.empty()) return decodings;
  const size_t without = decodings.size();
  for (size_t d = 1; d < without; ++d) {
    SentenceDecoding with = decodings[d];
    with.name = with.name == "beam" ? "language model" : with.name + " + language model";
    with.files.language_model = settings.language_model;
    decodings.push_back(std::move(with));
  }
  return decodings;
}

decoding::BeamSearch choose_search(bool has_language_model, int beam,
                                   const std::function<int64_t(const decoding::BeamSearch&)>& errors) {
  decoding::BeamSearch best;
  if (beam > 0) best.beam = beam;
  int64_t fewest = -1;
  const auto try_search = [&](decoding::BeamSearch tried) {
    const int64_t found = errors(tried);
    if (fewest >= 0 && found >= fewest) return;
    fewest = found;
    best = tried;
  };
  const auto try_values = [&](auto decoding::BeamSearch::* setting, const auto& values) {
    const decoding::BeamSearch base = best;
    fewest = -1;
    for (const auto value : values) {
      decoding::BeamSearch tried = base;
      tried.*setting = value;
      try_search(tried);
    }
  };
  if (has_language_model) {
    try_values(&decoding::BeamSearch::language_weight, kLanguageWeights);
    try_values(&decoding::BeamSearch::insertion_bonus, kInsertionBonuses);
  }
  if (beam == 0) try_values(&decoding::BeamSearch::beam, kBeams);
  return best;
}

nlohmann::json to_json(const decoding::BeamSearch& search, bool has_language_model) {
  nlohmann::json json{{"beam", search.beam}};
  if (has_language_model)
    json.update({{"language_weight", search.language_weight}, {"insertion_bonus", search.insertion_bonus}});
  return json;
}

}  // namespace avsr::pipeline
