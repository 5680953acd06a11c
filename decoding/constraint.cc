#include "decoding/constraint.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <queue>
#include <stdexcept>

namespace avsr::decoding {
namespace {

constexpr int kNever = std::numeric_limits<int>::max() / 2;

// One symbol of the spelling of the words that may follow one state of the word graph.
struct TrieNode {
  int symbol = -1;
  std::vector<int> children;  // by symbol
  int word_ends_at = -1;      // state of the word graph after the word that ends here
};

}  // namespace

// Node 0 is the start; then come the tries of the word graph's states, roots_[state] the root of each.
class ConstraintBuilder {
 public:
  ConstraintBuilder(const WordGraph& graph, const Symbols& symbols, std::optional<std::string_view> separator)
      : graph_(graph) {
    if (graph.states.empty()) throw std::invalid_argument("[constraint] the word graph has no state");
    if (separator) {
      separator_ = symbols.find(*separator);
      if (!separator_)
        throw std::invalid_argument(
            fmt::format("[constraint] the separator of words, \"{}\", is none of the symbols", *separator));
    }
    for (const std::string& word : graph.words) spellings_.push_back(spelling(word, symbols));
  }

  void build(Constraint& constraint) {
    nodes_.emplace_back();
    for (const WordGraph::State& state : graph_.states) add_trie(state);
    nodes_[0].children = nodes_[static_cast<size_t>(roots_[0])].children;
    for (const TrieNode& node : nodes_) constraint.states_.push_back(row_of(node, constraint.arcs_));
    constraint.states_[0].may_end = graph_.states[0].may_end;
    for (size_t i = 0; i < nodes_.size(); ++i)
      if (!separator_ && nodes_[i].word_ends_at >= 0) share_arcs_of_root(nodes_[i], constraint.states_[i], constraint);
  }

 private:
  std::vector<int> spelling(const std::string& word, const Symbols& symbols) const {
    std::vector<int> spelt = symbols.encode(word);
    if (spelt.empty()) throw std::invalid_argument("[constraint] the word graph has an empty word");
    if (separator_ && std::find(spelt.begin(), spelt.end(), *separator_) != spelt.end())
      throw std::invalid_argument(fmt::format("[constraint] the word \"{}\" contains the separator of words", word));
    if (!separator_ && spelt.size() != 1)
      throw std::invalid_argument(fmt::format(
          "[constraint] without a separator each word is one symbol, but \"{}\" is {}", word, spelt.size()));
    return spelt;
  }

  void add_trie(const WordGraph::State& state) {
    std::vector<WordGraph::Arc> arcs = state.arcs;
    const auto spelt = [&](const WordGraph::Arc& arc) -> const std::vector<int>& {
      return spellings_.at(static_cast<size_t>(arc.word));
    };
    // In the order of their spellings, so that the child that a word goes through is the last one, or new.
    std::sort(arcs.begin(), arcs.end(), [&](const auto& a, const auto& b) { return spelt(a) < spelt(b); });
    roots_.push_back(static_cast<int>(nodes_.size()));
    nodes_.emplace_back();
    for (const WordGraph::Arc& arc : arcs) {
      auto node = static_cast<size_t>(roots_.back());
      for (const int symbol : spelt(arc)) node = child(node, symbol);
      nodes_[node].word_ends_at = arc.next;
    }
  }

  size_t child(size_t node, int symbol) {
    const auto& children = nodes_[node].children;
    if (!children.empty() && nodes_[static_cast<size_t>(children.back())].symbol == symbol)
      return static_cast<size_t>(children.back());
    nodes_[node].children.push_back(static_cast<int>(nodes_.size()));
    nodes_.push_back({symbol, {}, -1});
    return nodes_.size() - 1;
  }

  Constraint::Row row_of(const TrieNode& node, std::vector<Constraint::Arc>& arcs) const {
    Constraint::Row row;
    row.symbol = node.symbol;
    row.first_arc = arcs.size();
    for (const int child : node.children) arcs.push_back({nodes_[static_cast<size_t>(child)].symbol, child});
    if (node.word_ends_at >= 0) {
      const auto after = static_cast<size_t>(node.word_ends_at);
      row.may_end = graph_.states.at(after).may_end;
      if (separator_ && !graph_.states[after].arcs.empty()) arcs.push_back({*separator_, roots_[after]});
    }
    row.arcs = arcs.size() - row.first_arc;
    std::sort(arcs.begin() + static_cast<std::ptrdiff_t>(row.first_arc), arcs.end(),
              [](const auto& a, const auto& b) { return a.symbol < b.symbol; });
    return row;
  }

  // Without a separator a word's only symbol is followed by the next word's.
  void share_arcs_of_root(const TrieNode& node, Constraint::Row& row, const Constraint& constraint) const {
    const auto& root = constraint.at(roots_[static_cast<size_t>(node.word_ends_at)]);
    row.first_arc = root.first_arc;
    row.arcs = root.arcs;
  }

  const WordGraph& graph_;
  std::optional<int> separator_;
  std::vector<std::vector<int>> spellings_;  // of the words
  std::vector<TrieNode> nodes_;
  std::vector<int> roots_;
};

Constraint::Constraint(const WordGraph& graph, const Symbols& symbols, std::optional<std::string_view> separator)
    : symbols_(symbols.size()) {
  ConstraintBuilder(graph, symbols, separator).build(*this);
  // The root of a state that words lead to is entered by the separator.
  for (size_t s = 0; s < states_.size(); ++s)
    for (const Arc& arc : arcs(static_cast<State>(s))) states_[static_cast<size_t>(arc.next)].symbol = arc.symbol;
  find_fewest_steps();
  if (at(kStart).after_symbol >= kNever)
    throw std::invalid_argument("[constraint] the word graph has no sentence: no end can be reached");
}

// Dijkstra's algorithm from the ends backwards; an arc costs its symbol, and a blank where the symbol repeats.
void Constraint::find_fewest_steps() {
  std::vector<std::vector<int>> before(states_.size());
  std::priority_queue<std::pair<int, int>, std::vector<std::pair<int, int>>, std::greater<>> next;
  for (size_t s = 0; s < states_.size(); ++s) {
    states_[s].after_symbol = states_[s].may_end ? 0 : kNever;
    if (states_[s].may_end) next.emplace(0, static_cast<int>(s));
    for (const Arc& arc : arcs(static_cast<State>(s)))
      before[static_cast<size_t>(arc.next)].push_back(static_cast<int>(s));
  }
  while (!next.empty()) {
    const auto [steps, state] = next.top();
    next.pop();
    const Row& reached = at(state);
    if (steps > reached.after_symbol) continue;
    for (const int from : before[static_cast<size_t>(state)]) {
      Row& row = states_[static_cast<size_t>(from)];
      const int through = steps + (row.symbol == reached.symbol ? 2 : 1);
      if (through >= row.after_symbol) continue;
      row.after_symbol = through;
      next.emplace(through, from);
    }
  }
  for (Row& row : states_) {
    row.after_blank = row.may_end ? 0 : kNever;
    if (row.may_end) continue;
    for (size_t a = row.first_arc; a < row.first_arc + row.arcs; ++a)
      row.after_blank = std::min(row.after_blank, 1 + at(arcs_[a].next).after_symbol);
  }
}

std::span<const Constraint::Arc> Constraint::arcs(State state) const {
  return std::span(arcs_).subspan(at(state).first_arc, at(state).arcs);
}

int Constraint::fewest_steps(State state, bool after_blank) const {
  return after_blank ? at(state).after_blank : at(state).after_symbol;
}

bool Constraint::accepts(std::span<const int> symbols) const {
  State state = kStart;
  for (const int symbol : symbols) {
    const auto following = arcs(state);
    const auto arc = std::lower_bound(following.begin(), following.end(), symbol,
                                      [](const Arc& a, int wanted) { return a.symbol < wanted; });
    if (arc == following.end() || arc->symbol != symbol) return false;
    state = arc->next;
  }
  return may_end(state);
}

}  // namespace avsr::decoding
