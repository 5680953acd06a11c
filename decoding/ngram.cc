#include "decoding/ngram.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace avsr::decoding {

Ngram::Ngram(int order) : order_(order) {
  if (order < 1) throw std::invalid_argument(fmt::format("[n-gram] expected an order of at least 1, got {}", order));
}

bool Ngram::add_word(std::string_view word, double log_probability, double back_off) {
  const int number = static_cast<int>(numbers_.size());
  if (!numbers_.try_emplace(std::string(word), number).second) return false;
  const int only[] = {number};
  return add(only, log_probability, back_off);
}

bool Ngram::add(std::span<const int> words, double log_probability, double back_off) {
  if (words.empty() || words.size() > static_cast<size_t>(order_))
    throw std::invalid_argument(fmt::format("[n-gram] expected 1 to {} words, got {}", order_, words.size()));
  uint32_t entry = 0;
  for (const int word : words) {
    if (word < 0 || static_cast<size_t>(word) >= numbers_.size())
      throw std::invalid_argument(fmt::format("[n-gram] {} is the number of no word", word));
    const auto [found, is_new] = children_.try_emplace(key(entry, word), static_cast<uint32_t>(entries_.size()));
    if (is_new) entries_.push_back({0, 0, entries_[entry].words + 1, false});
    entry = found->second;
  }
  Entry& own = entries_[entry];
  if (own.listed) return false;
  own = {std::max(log_probability, kUnlisted), std::max(back_off, kUnlisted), own.words, true};
  return true;
}

std::optional<int> Ngram::find(std::string_view word) const {
  const auto found = numbers_.find(word);
  if (found == numbers_.end()) return std::nullopt;
  return found->second;
}

int Ngram::number(std::string_view word) const {
  for (const std::string_view name : {word, std::string_view("<unk>"), std::string_view("<UNK>")})
    if (const auto found = find(name)) return *found;
  return kUnknown;
}

Ngram::Context Ngram::start() const {
  Context context;
  if (const auto mark = find("<s>")) advance(context, *mark);
  return context;
}

std::optional<uint32_t> Ngram::child(uint32_t entry, int word) const {
  const auto found = children_.find(key(entry, word));
  if (found == children_.end()) return std::nullopt;
  return found->second;
}

void Ngram::advance(Context& context, int word) const {
  std::vector<uint32_t> longer;
  for (const uint32_t entry : context.entries)
    if (entries_[entry].words + 1 < order_)
      if (const auto found = child(entry, word)) longer.push_back(*found);
  longer.push_back(0);
  context.entries = std::move(longer);
}

double Ngram::log_probability(const Context& context, int word) const {
  double back_offs = 0;
  for (const uint32_t before : context.entries) {
    const auto whole = child(before, word);
    if (whole && entries_[*whole].listed) return back_offs + entries_[*whole].log_probability;
    back_offs += entries_[before].back_off;
  }
  return back_offs + kUnlisted;
}

double Ngram::sentence(std::span<const std::string> words) const {
  double total = 0;
  Context context = start();
  for (const std::string& word : words) {
    total += log_probability(context, number(word));
    advance(context, number(word));
  }
  if (const auto mark = end()) total += log_probability(context, *mark);
  return total;
}

}  // namespace avsr::decoding
