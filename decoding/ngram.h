// A back-off n-gram language model (Katz 1987): how probable a word, or a character, is after those before it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace avsr::decoding {

// All probabilities and back-off weights are logarithms to the base 10, as in ARPA files.
class Ngram {
 public:
  // A word that the model does not list, in a model without "<unk>" (KenLM's default).
  static constexpr double kUnlisted = -100;

  explicit Ngram(int order);  // throws std::invalid_argument below 1

  // Building. The first returns false where the word is there already, the second where this n-gram (2 to order words,
  // by number) is; nothing changes then. All words come before the first n-gram. Probabilities below kUnlisted count as
  // kUnlisted, so that sums stay finite.
  bool add_word(std::string_view word, double log_probability, double back_off);
  bool add(std::span<const int> words, double log_probability, double back_off);

  int order() const { return order_; }
  size_t size() const { return entries_.size() - 1; }  // n-grams of all orders
  std::optional<int> find(std::string_view word) const;
  // The word's number; where the model does not list it that of "<unk>" or "<UNK>", or kUnknown.
  static constexpr int kUnknown = -1;
  int number(std::string_view word) const;

  // "</s>", where the model lists it.
  std::optional<int> end() const { return find("</s>"); }

  // The words before: those of their ends, of up to order - 1 words, that the model knows.
  struct Context {
    std::vector<uint32_t> entries{0};  // the longest first, the empty one last
  };
  // What stands before a sentence: "<s>", or nothing where the model does not list it.
  Context start() const;
  // Puts a word behind it.
  void advance(Context& context, int word) const;
  // log10 P(word | context): of the longest n-gram that the model lists, plus the back-off weights of the contexts that
  // are longer.
  double log_probability(const Context& context, int word) const;
  // log10 P of a whole sentence, its end included where the model lists it.
  double sentence(std::span<const std::string> words) const;

 private:
  struct Entry {
    double log_probability = 0, back_off = 0;
    int words = 0;
    bool listed = false;  // false: only part of a longer n-gram
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  // Entries are a tree: the root is the empty n-gram, the child of an entry by a word is the n-gram with that word at
  // its end.
  static uint64_t key(uint32_t entry, int word) { return uint64_t{entry} << 32 | static_cast<uint32_t>(word); }
  std::optional<uint32_t> child(uint32_t entry, int word) const;

  int order_;
  std::unordered_map<std::string, int, Hash, std::equal_to<>> numbers_;
  std::vector<Entry> entries_{1};
  std::unordered_map<uint64_t, uint32_t> children_;
};

}  // namespace avsr::decoding
