// From a CTC network's probabilities to the likeliest texts.
#pragma once

#include <span>
#include <vector>

#include "decoding/alignment.h"
#include "decoding/constraint.h"
#include "decoding/language_model.h"
#include "decoding/log_probabilities.h"

namespace avsr::decoding {

struct Hypothesis {
  std::vector<SymbolSpan> symbols;  // what was said, and when
  double acoustic = 0;              // ln P(symbols | clip)
  double language = 0;              // ln P(symbols) by the language model; 0 without one
  double score = 0;                 // what hypotheses are ranked by
};

// The numbers of the symbols.
std::vector<int> labels_of(std::span<const SymbolSpan> symbols);

// The best symbol of each step, of equals the one of the smaller number; repeats joined, blanks left out (best path
// decoding, Graves et al. 2006). Its score is ln of this one path's probability, and so is `acoustic`. Throws
// std::invalid_argument on what check_log_probabilities refuses.
Hypothesis greedy(const LogProbabilities& clip, int blank = 0);

// The same without times, of any scores (T, V) that rank symbols as their probabilities do, logits for one.
std::vector<int> best_path(std::span<const float> scores, int symbols, int blank = 0);

struct BeamSearch {
  int beam = 16;   // texts that are kept from step to step
  int n_best = 1;  // how many are returned, at most `beam`
  int blank = 0;   // its number
  // With a language model, score = acoustic + language_weight * language + insertion_bonus * words (or symbols, in a
  // model of symbols): the model's taste for short texts is made up for by the bonus, in nats.
  double language_weight = 1;
  double insertion_bonus = 0;
  void validate() const;  // throws std::invalid_argument naming the setting
};

// Prefix beam search (Hannun, Maas, Jurafsky and Ng 2014; Graves 2012): the paths of a text are summed, in logarithms,
// as far as their beginnings stay in the beam; with a beam that holds all texts `acoustic` is exact. Texts are ranked
// by their score; the end of the sentence counts in the last ranking alone.
//   constraint: only its sentences are written, and beginnings are given up that cannot become one in the steps that
//   are left. language: ranks texts by how likely they are. Either may be null, and is of these symbols (blank 0 then).
// Returns the n best, best first, all different: at least one, unless the constraint has no sentence that fits the
// clip's steps with a probability above 0. Spans and confidences are those of the best path of each (align). Equal runs
// give equal results. Takes time in proportion to T beam V, memory to T beam. Throws std::invalid_argument on settings
// that do not fit, and on what check_log_probabilities refuses.
std::vector<Hypothesis> beam_search(const LogProbabilities& clip, const BeamSearch& settings,
                                    const Constraint* constraint = nullptr, const LanguageModel* language = nullptr);

}  // namespace avsr::decoding
