#include "eval/confusions.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace avsr::eval {
namespace {

void require_pairs(std::span<const int> said, std::span<const int> heard) {
  if (said.size() != heard.size())
    throw std::invalid_argument(
        fmt::format("[confusions] expected an answer for each of {} clips, got {}", said.size(), heard.size()));
}

}  // namespace

std::vector<WordAccuracy> word_accuracies(std::span<const int> said, std::span<const int> heard) {
  require_pairs(said, heard);
  std::map<int, WordAccuracy> words;
  for (size_t i = 0; i < said.size(); ++i) {
    WordAccuracy& word = words[said[i]];
    word.word = said[i];
    ++word.clips;
    word.correct += said[i] == heard[i] ? 1 : 0;
  }
  std::vector<WordAccuracy> sorted;
  for (const auto& [index, word] : words) sorted.push_back(word);
  std::sort(sorted.begin(), sorted.end(), [](const WordAccuracy& a, const WordAccuracy& b) {
    // Products rather than quotients: equal shares must compare as equal.
    const int64_t left = a.correct * b.clips, right = b.correct * a.clips;
    return std::tie(left, b.clips, a.word) < std::tie(right, a.clips, b.word);
  });
  return sorted;
}

std::vector<Confusion> confusions(std::span<const int> said, std::span<const int> heard) {
  require_pairs(said, heard);
  std::map<std::pair<int, int>, int64_t> counts;
  for (size_t i = 0; i < said.size(); ++i)
    if (said[i] != heard[i]) ++counts[{said[i], heard[i]}];
  std::vector<Confusion> sorted;
  for (const auto& [pair, clips] : counts) sorted.push_back({pair.first, pair.second, clips});
  // The map has them by index already.
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Confusion& a, const Confusion& b) { return a.clips > b.clips; });
  return sorted;
}

}  // namespace avsr::eval
