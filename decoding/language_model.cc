#include "decoding/language_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <numbers>
#include <stdexcept>

namespace avsr::decoding {

LanguageModel::LanguageModel(Ngram ngram, const Symbols& symbols, Unit unit, std::string_view separator)
    : ngram_(std::move(ngram)), symbols_(symbols), unit_(unit), separator_(symbols.find(separator)) {
  // To a word model without separator each symbol is a word: that is a symbol model.
  if (!separator_) unit_ = Unit::symbol;
  if (unit_ == Unit::word) return;
  int listed = 0;
  numbers_.assign(static_cast<size_t>(symbols_.size()), Ngram::kUnknown);
  for (int v = 1; v < symbols_.size(); ++v) {
    const std::string_view name = v == separator_ ? kSeparatorToken : std::string_view(symbols_.name(v));
    numbers_[static_cast<size_t>(v)] = ngram_.number(name);
    listed += ngram_.find(name) ? 1 : 0;
    if (v == separator_ && !ngram_.find(name))
      throw std::invalid_argument(
          fmt::format("[language model] expected a model of symbols with an entry \"{}\" for \"{}\", found none; is it "
                      "one of words?",
                      kSeparatorToken, separator));
  }
  if (listed == 0)
    throw std::invalid_argument(
        fmt::format("[language model] expected entries for the symbols (\"{}\", …), found none", symbols_.name(1)));
}

// Back-off weights of a file that is not normalised can make it more than 1, which counts as 1.
double LanguageModel::natural(const Ngram::Context& context, int word) const {
  return std::min(0.0, std::numbers::ln10 * ngram_.log_probability(context, word));
}

LanguageModel::Gain LanguageModel::gain(const State& state, int symbol) const {
  if (unit_ == Unit::symbol) return {natural(state.context, numbers_.at(static_cast<size_t>(symbol))), 1};
  if (symbol != separator_ || state.word.empty()) return {};
  return {natural(state.context, word_number(state)), 1};
}

LanguageModel::State LanguageModel::next(const State& state, int symbol) const {
  State result = state;
  if (unit_ == Unit::symbol) {
    ngram_.advance(result.context, numbers_.at(static_cast<size_t>(symbol)));
  } else if (symbol != separator_) {
    result.word.push_back(symbol);
  } else if (!state.word.empty()) {
    ngram_.advance(result.context, word_number(state));
    result.word.clear();
  }
  return result;
}

LanguageModel::Gain LanguageModel::end(const State& state) const {
  Gain total;
  Ngram::Context context = state.context;
  if (!state.word.empty()) {
    const int word = word_number(state);
    total = {natural(context, word), 1};
    ngram_.advance(context, word);
  }
  if (const auto mark = ngram_.end()) total.log_probability += natural(context, *mark);
  return total;
}

}  // namespace avsr::decoding
