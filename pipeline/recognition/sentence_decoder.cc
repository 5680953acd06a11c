#include "pipeline/recognition/sentence_decoder.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "decoding/arpa.h"
#include "decoding/grammar.h"

namespace avsr::pipeline {
namespace {

constexpr const char* kSeparator = " ";

// What make() makes of a file for these symbols; what does not fit is the file's fault.
template <typename Make>
auto of_file(const std::filesystem::path& file, const Make& make) {
  try {
    return make();
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error(
        fmt::format("{}: expected what this model's symbols can write, found: {}", file.string(), error.what()));
  }
}

std::optional<decoding::Constraint> constraint_of(const DecodingFiles& files, const decoding::Symbols& symbols) {
  if (files.words.empty() && files.grammar.empty()) return std::nullopt;
  if (!files.words.empty() && !files.grammar.empty())
    throw std::invalid_argument(
        fmt::format("expected a word list or a grammar, got both ({}, {}): a grammar has its own words",
                    files.words.string(), files.grammar.string()));
  std::optional<std::string_view> separator;
  if (symbols.find(kSeparator)) separator = kSeparator;
  const std::filesystem::path& file = files.words.empty() ? files.grammar : files.words;
  return of_file(file, [&] {
    const decoding::WordGraph graph =
        files.words.empty() ? decoding::read_grammar(file) : decoding::any_words(decoding::read_word_list(file));
    return decoding::Constraint(graph, symbols, separator);
  });
}

std::optional<decoding::LanguageModel> language_of(const std::filesystem::path& file,
                                                   const decoding::Symbols& symbols) {
  if (file.empty()) return std::nullopt;
  return of_file(file, [&] {
    using Unit = decoding::LanguageModel::Unit;
    decoding::Ngram ngram = decoding::read_arpa(file);
    const bool of_symbols = !symbols.find(kSeparator) || ngram.find(decoding::LanguageModel::kSeparatorToken);
    return decoding::LanguageModel(std::move(ngram), symbols, of_symbols ? Unit::symbol : Unit::word, kSeparator);
  });
}

}  // namespace

SentenceDecoder::SentenceDecoder(const std::vector<std::string>& labels, const DecodingFiles& files)
    : symbols_(labels),
      separator_(symbols_.find(kSeparator)),
      constraint_(constraint_of(files, symbols_)),
      language_(language_of(files.language_model, symbols_)) {}

decoding::Hypothesis SentenceDecoder::greedy(const decoding::LogProbabilities& clip) const {
  return decoding::greedy(clip, decoding::Symbols::blank());
}

std::vector<decoding::Hypothesis> SentenceDecoder::search(const decoding::LogProbabilities& clip,
                                                          const decoding::BeamSearch& settings) const {
  return decoding::beam_search(clip, settings, constraint_ ? &*constraint_ : nullptr,
                               language_ ? &*language_ : nullptr);
}

std::string SentenceDecoder::text(const decoding::Hypothesis& hypothesis) const {
  return symbols_.text(decoding::labels_of(hypothesis.symbols));
}

std::vector<decoding::TimedWord> SentenceDecoder::words(const decoding::Hypothesis& hypothesis, int steps,
                                                        const decoding::WordTiming& timing) const {
  return decoding::words_of(hypothesis.symbols, symbols_, separator_, steps, timing);
}

}  // namespace avsr::pipeline
