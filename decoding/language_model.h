// An n-gram model over the texts that a CTC network writes.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "decoding/ngram.h"
#include "decoding/symbols.h"

namespace avsr::decoding {

// Follows a text symbol by symbol and says what each adds to the logarithm of its probability.
class LanguageModel {
 public:
  enum class Unit {
    symbol,  // the n-grams' words are symbols, by name; the separator's name there is kSeparatorToken
    word,    // they are words: a word counts when the separator, or the end, follows it
  };
  // Files part words by spaces, so that a model of characters writes the space as this.
  static constexpr std::string_view kSeparatorToken = "<space>";

  // separator: the name of the symbol between words; where there is no such symbol, each symbol is a word. Symbols and
  // words that the model does not list have the probability of its "<unk>", or 1e-100 where it has none. Throws
  // std::invalid_argument where a model of symbols lists none of them, or not the separator: it is of other texts.
  LanguageModel(Ngram ngram, const Symbols& symbols, Unit unit, std::string_view separator = " ");

  struct State {
    Ngram::Context context;  // words, or symbols, before
    std::vector<int> word;   // symbols of the word that is not finished
  };
  struct Gain {
    double log_probability = 0;  // natural logarithm, 0 or less
    int units = 0;               // words, or symbols, that this finishes: 0 or 1
  };

  int symbols() const { return symbols_.size(); }
  State start() const { return {ngram_.start(), {}}; }
  // symbol: not the blank.
  Gain gain(const State& state, int symbol) const;
  State next(const State& state, int symbol) const;
  // Of ending here: the last word, and the end of the sentence where the model lists "</s>".
  Gain end(const State& state) const;

 private:
  int word_number(const State& state) const { return ngram_.number(symbols_.text(state.word)); }
  double natural(const Ngram::Context& context, int word) const;

  Ngram ngram_;
  Symbols symbols_;
  Unit unit_;
  std::optional<int> separator_;
  std::vector<int> numbers_;  // (V) of the symbols as n-gram words
};

}  // namespace avsr::decoding
