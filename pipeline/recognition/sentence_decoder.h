// From a sentence model's symbol probabilities to texts: the best path, or a beam search with what may be said and how
// likely it is (docs/decoding.md).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "decoding/ctc_decoder.h"
#include "decoding/words.h"

namespace avsr::pipeline {

// What a search is told besides the sound and the picture; an empty path: nothing.
struct DecodingFiles {
  std::filesystem::path words;           // a word list; only its words are written
  std::filesystem::path grammar;         // only its sentences are; instead of a word list
  std::filesystem::path language_model;  // ARPA, of words or, where it lists "<space>", of the model's symbols
};

// Fits one model's symbols. Its functions may be called by several threads at a time.
class SentenceDecoder {
 public:
  // labels: the model's, the blank first; where one is " " it parts words, else each is a word. Throws
  // std::runtime_error naming the file that cannot be read or does not fit the symbols, std::invalid_argument on both a
  // word list and a grammar.
  explicit SentenceDecoder(const std::vector<std::string>& labels, const DecodingFiles& files = {});

  const decoding::Symbols& symbols() const { return symbols_; }
  std::optional<int> separator() const { return separator_; }  // none: each symbol is a word
  bool constrained() const { return constraint_.has_value(); }
  bool has_language_model() const { return language_.has_value(); }

  // The best path. It knows nothing of the files.
  decoding::Hypothesis greedy(const decoding::LogProbabilities& clip) const;
  // The n best, best first. Nothing where no text that is allowed fits the clip.
  std::vector<decoding::Hypothesis> search(const decoding::LogProbabilities& clip,
                                           const decoding::BeamSearch& settings) const;

  std::string text(const decoding::Hypothesis& hypothesis) const;
  std::vector<decoding::TimedWord> words(const decoding::Hypothesis& hypothesis, int steps,
                                         const decoding::WordTiming& timing = {}) const;

 private:
  decoding::Symbols symbols_;
  std::optional<int> separator_;
  std::optional<decoding::Constraint> constraint_;
  std::optional<decoding::LanguageModel> language_;
};

}  // namespace avsr::pipeline
