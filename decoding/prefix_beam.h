// The beam of the prefix beam search (ctc_decoder.h), fed step by step.
#pragma once

#include <span>
#include <vector>

#include "decoding/constraint.h"
#include "decoding/language_model.h"
#include "decoding/log_probabilities.h"

namespace avsr::decoding {

struct BeamSearch;

class PrefixBeam {
 public:
  // All are kept by reference; constraint and language may be null.
  PrefixBeam(int symbols, const BeamSearch& settings, const Constraint* constraint, const LanguageModel* language);

  // log_probabilities (V) of the next step, after which steps_left come.
  void step(std::span<const float> log_probabilities, int steps_left);

  struct Text {
    std::vector<int> labels;
    double acoustic = 0, language = 0, score = 0;
  };
  // The best of those that may end here, best first.
  std::vector<Text> texts() const;

 private:
  // Prefixes are a tree, in which each stands once: one that left the beam and comes back is the same node, of which
  // longer ones may have stayed.
  struct Node {
    int parent = -1;
    int symbol = -1;  // its last; -1 at the root
    Constraint::State state = Constraint::kStart;
    LanguageModel::State context;
    double language = 0;  // ln P by the language model
    double bias = 0;      // weighted, with the bonus: what the score has besides the acoustic part
    std::vector<int> children;
    int place = -1;  // in the beam, or -1
  };
  // A prefix in the beam, and ln of the summed probability of its paths that end in a blank, and in its last symbol.
  struct Entry {
    int node = 0;
    double blank = kLogZero, symbol = kLogZero;
    double total() const { return log_add(blank, symbol); }
  };
  // What an entry may become: itself (symbol -1), or itself with a symbol behind.
  struct Candidate {
    double rank = 0;  // its score; of a longer prefix before the language model was asked: no less
    int from = 0;     // place of the entry
    int symbol = -1;
    Constraint::State state = Constraint::kStart;
    double log_probability = kLogZero;  // of a longer prefix
  };

  std::span<const Constraint::Arc> arcs(const Node& node) const;
  bool can_end(Constraint::State state, double blank, double symbol, int steps_left) const;
  void stay(std::span<const float> row);
  void extend(std::span<const float> row, int steps_left);
  std::vector<Candidate> best_candidates();
  void ask_language(Candidate& candidate) const;
  int child(int node, const Candidate& candidate);
  double weighted(const LanguageModel::Gain& gain) const;
  std::vector<int> labels(int node) const;

  const BeamSearch& settings_;
  const Constraint* constraint_;
  const LanguageModel* language_;
  std::vector<Constraint::Arc> any_symbol_;  // what may follow without a constraint
  std::vector<Node> nodes_;
  std::vector<Entry> entries_;  // by rank
  std::vector<Entry> stayed_;   // the same prefixes a step later
  std::vector<Candidate> candidates_;
  std::vector<int> place_of_child_;  // (V) -1, or where in the beam the prefix with this symbol behind is
};

}  // namespace avsr::decoding
