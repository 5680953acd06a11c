// The symbols that a CTC network writes with: characters, or any other list.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace avsr::decoding {

// V symbols; number 0 is the blank, which is written as nothing.
class Symbols {
 public:
  // The blank's name, then the symbols: UTF-8, none empty (but the blank's name may be), none twice, one at least.
  // Throws std::invalid_argument naming the symbol.
  explicit Symbols(std::vector<std::string> names);

  // "<blank>" and each character of the text: Symbols::of_characters(" 'abc…").
  static Symbols of_characters(std::string_view characters);

  int size() const { return static_cast<int>(names_.size()); }
  static constexpr int blank() { return 0; }
  const std::vector<std::string>& names() const { return names_; }
  const std::string& name(int symbol) const { return names_.at(static_cast<size_t>(symbol)); }
  // The number of a symbol that is not the blank.
  std::optional<int> find(std::string_view name) const;

  // The text as symbols, from its beginning to its end the longest symbol that fits. Throws std::invalid_argument that
  // shows what cannot be written with these symbols.
  std::vector<int> encode(std::string_view text) const;
  // The symbols' names joined, blanks left out. Throws std::out_of_range on numbers of no symbol.
  std::string text(std::span<const int> symbols) const;

 private:
  std::vector<std::string> names_;
  std::map<std::string, int, std::less<>> numbers_;  // without the blank
  size_t longest_ = 0;                               // bytes
};

}  // namespace avsr::decoding
