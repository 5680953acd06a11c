#include "decoding/word_automaton.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace avsr::decoding {
namespace {

constexpr size_t kMostPlaces = 100'000, kMostContinuations = 200'000;

}  // namespace

int WordAutomaton::place() {
  if (moves_.size() >= kMostPlaces)
    throw TooLarge(
        fmt::format("with all rules written out the grammar has more than {} words and signs", kMostPlaces / 2));
  moves_.emplace_back();
  return static_cast<int>(moves_.size()) - 1;
}

WordAutomaton::Part WordAutomaton::word(int word) {
  const Part part{place(), place()};
  move(part.start, part.end, word);
  return part;
}

WordAutomaton::Part WordAutomaton::sequence(Part first, Part second) {
  move(first.end, second.start);
  return {first.start, second.end};
}

WordAutomaton::Part WordAutomaton::either(Part first, Part second) {
  const Part part{place(), place()};
  for (const Part& way : {first, second}) {
    move(part.start, way.start);
    move(way.end, part.end);
  }
  return part;
}

WordAutomaton::Part WordAutomaton::optional(Part part) {
  const Part around{place(), place()};
  move(around.start, part.start);
  move(part.end, around.end);
  move(around.start, around.end);
  return around;
}

WordAutomaton::Part WordAutomaton::repeated(Part part) {
  const Part around{place(), place()};
  move(around.start, part.start);
  move(part.end, around.end);
  move(part.end, part.start);
  return around;
}

WordAutomaton::Part WordAutomaton::copy_of(const WordAutomaton& other, Part part) {
  const int shift = static_cast<int>(moves_.size());
  for (size_t i = 0; i < other.moves_.size(); ++i) place();
  for (size_t i = 0; i < other.moves_.size(); ++i)
    for (const Move& m : other.moves_[i]) move(static_cast<int>(i) + shift, m.to + shift, m.word);
  return {part.start + shift, part.end + shift};
}

// What empty moves reach, of which only places count that a word leaves, and the end. Sorted.
std::vector<int> WordAutomaton::closure(const std::vector<int>& places, int end) const {
  std::vector<int> open = places, result;
  std::set<int> seen(places.begin(), places.end());
  while (!open.empty()) {
    const int from = open.back();
    open.pop_back();
    bool counts = from == end;
    for (const Move& m : moves_[static_cast<size_t>(from)]) {
      counts = counts || m.word != kEmpty;
      if (m.word == kEmpty && seen.insert(m.to).second) open.push_back(m.to);
    }
    if (counts) result.push_back(from);
  }
  std::sort(result.begin(), result.end());
  return result;
}

WordGraph WordAutomaton::graph(Part part, std::vector<std::string> words) const {
  WordGraph graph;
  graph.words = std::move(words);
  std::map<std::vector<int>, int> numbers;
  std::vector<std::vector<int>> sets;
  size_t continuations = 0;
  const auto state_of = [&](std::vector<int> set) {
    const auto [found, is_new] = numbers.try_emplace(set, static_cast<int>(sets.size()));
    if (is_new) {
      continuations += set.size();
      if (continuations > kMostContinuations)
        throw TooLarge(
            fmt::format("the grammar has more than {} continuations: too many ways to go on must be kept apart",
                        kMostContinuations));
      graph.states.push_back({{}, std::binary_search(set.begin(), set.end(), part.end)});
      sets.push_back(std::move(set));
    }
    return found->second;
  };
  state_of(closure({part.start}, part.end));
  for (size_t state = 0; state < sets.size(); ++state) {
    std::map<int, std::vector<int>> after;  // by word
    for (const int place : sets[state])
      for (const Move& m : moves_[static_cast<size_t>(place)])
        if (m.word != kEmpty) after[m.word].push_back(m.to);
    for (const auto& [word, places] : after) {
      const int next = state_of(closure(places, part.end));
      graph.states[state].arcs.push_back({word, next});
    }
  }
  return graph;
}

}  // namespace avsr::decoding
