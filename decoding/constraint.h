// Which symbols may follow which: what the decoder may write at all.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "decoding/symbols.h"
#include "decoding/word_graph.h"

namespace avsr::decoding {

// A deterministic acceptor over symbols: the sentences of a word graph, spelt. Words are written as Symbols::encode
// does, as tries that share their beginnings, with one separator between two words and none at the ends.
class Constraint {
 public:
  using State = int;
  static constexpr State kStart = 0;
  struct Arc {
    int symbol = 0;
    State next = 0;
  };

  // separator: the name of the symbol between words; none where each symbol is a word. Throws std::invalid_argument:
  // a word that these symbols cannot spell, that contains the separator, or (without separator) that is more than one
  // symbol; a separator that is no symbol; a graph without a sentence.
  Constraint(const WordGraph& graph, const Symbols& symbols, std::optional<std::string_view> separator = " ");

  int symbols() const { return symbols_; }
  int states() const { return static_cast<int>(states_.size()); }
  // What may follow, by symbol.
  std::span<const Arc> arcs(State state) const;
  // Whether what was written so far is a sentence.
  bool may_end(State state) const { return at(state).may_end; }
  // The fewest steps of a clip in which a sentence can be finished. Equal neighbours need a blank between them; so the
  // number depends on whether a blank has been read since the state's own symbol.
  int fewest_steps(State state, bool after_blank) const;
  // Whether the symbols are a sentence.
  bool accepts(std::span<const int> symbols) const;

 private:
  struct Row {
    size_t first_arc = 0, arcs = 0;
    int symbol = -1;  // which leads here; -1 at the start
    bool may_end = false;
    int after_symbol = 0, after_blank = 0;  // fewest steps
  };
  friend class ConstraintBuilder;

  const Row& at(State state) const { return states_[static_cast<size_t>(state)]; }
  void find_fewest_steps();

  int symbols_ = 0;
  std::vector<Row> states_;
  std::vector<Arc> arcs_;
};

}  // namespace avsr::decoding
