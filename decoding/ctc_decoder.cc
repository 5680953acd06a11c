#include "decoding/ctc_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "decoding/prefix_beam.h"

namespace avsr::decoding {
namespace {

constexpr const char* kWhere = "beam search";

void check_models(const LogProbabilities& clip, const BeamSearch& settings, const Constraint* constraint,
                  const LanguageModel* language) {
  const auto check = [&](const char* what, int symbols) {
    if (symbols != clip.symbols)
      throw std::invalid_argument(
          fmt::format("[{}] the {} is of {} symbols, the clip of {}", kWhere, what, symbols, clip.symbols));
  };
  if (constraint) check("constraint", constraint->symbols());
  if (language) check("language model", language->symbols());
  if ((constraint || language) && settings.blank != Symbols::blank())
    throw std::invalid_argument(fmt::format("[{}] with a constraint or a language model the blank is {}, got {}",
                                            kWhere, Symbols::blank(), settings.blank));
}

}  // namespace

std::vector<int> labels_of(std::span<const SymbolSpan> symbols) {
  std::vector<int> labels;
  for (const SymbolSpan& span : symbols) labels.push_back(span.symbol);
  return labels;
}

Hypothesis greedy(const LogProbabilities& clip, int blank) {
  check_log_probabilities("best path", clip, blank);
  Hypothesis best;
  int before = blank;
  for (int t = 0; t < clip.steps(); ++t) {
    const auto row = clip.of(t);
    const auto largest = std::max_element(row.begin(), row.end());
    const int symbol = static_cast<int>(largest - row.begin());
    best.acoustic += *largest;
    if (symbol != blank && symbol != before) best.symbols.push_back({symbol, t, t, 0});
    if (symbol != blank) {
      best.symbols.back().last_step = t;
      best.symbols.back().confidence += std::min(1.0f, std::exp(*largest));
    }
    before = symbol;
  }
  for (SymbolSpan& span : best.symbols) span.confidence /= static_cast<float>(span.last_step - span.first_step + 1);
  best.score = best.acoustic;
  return best;
}

std::vector<int> best_path(std::span<const float> scores, int symbols, int blank) {
  std::vector<int> labels;
  int before = blank;
  for (auto row = scores.begin(); row != scores.end(); row += symbols) {
    const int symbol = static_cast<int>(std::max_element(row, row + symbols) - row);
    if (symbol != blank && symbol != before) labels.push_back(symbol);
    before = symbol;
  }
  return labels;
}

void BeamSearch::validate() const {
  if (beam < 1) throw std::invalid_argument(fmt::format("[{}] beam must be at least 1, got {}", kWhere, beam));
  if (n_best < 1 || n_best > beam)
    throw std::invalid_argument(fmt::format("[{}] n_best must lie in 1 … beam, {}, got {}", kWhere, beam, n_best));
  if (!(language_weight >= 0) || !std::isfinite(language_weight))
    throw std::invalid_argument(fmt::format("[{}] language_weight must be 0 or more, got {}", kWhere, language_weight));
  if (!std::isfinite(insertion_bonus))
    throw std::invalid_argument(fmt::format("[{}] insertion_bonus must be finite, got {}", kWhere, insertion_bonus));
}

std::vector<Hypothesis> beam_search(const LogProbabilities& clip, const BeamSearch& settings,
                                    const Constraint* constraint, const LanguageModel* language) {
  settings.validate();
  check_log_probabilities(kWhere, clip, settings.blank);
  check_models(clip, settings, constraint, language);
  PrefixBeam beam(clip.symbols, settings, constraint, language);
  for (int t = 0; t < clip.steps(); ++t) beam.step(clip.of(t), clip.steps() - t - 1);
  std::vector<Hypothesis> found;
  for (PrefixBeam::Text& text : beam.texts()) {
    const auto alignment = align(clip, text.labels, settings.blank);
    found.push_back(
        {alignment ? alignment->symbols : std::vector<SymbolSpan>{}, text.acoustic, text.language, text.score});
  }
  return found;
}

}  // namespace avsr::decoding
