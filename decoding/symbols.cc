#include "decoding/symbols.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "decoding/utf8.h"

namespace avsr::decoding {

Symbols::Symbols(std::vector<std::string> names) : names_(std::move(names)) {
  if (names_.size() < 2)
    throw std::invalid_argument(
        fmt::format("[symbols] expected a blank and at least one symbol, got {} names", names_.size()));
  for (size_t i = 0; i < names_.size(); ++i) {
    const std::string& name = names_[i];
    if (first_bad_utf8(name))
      throw std::invalid_argument(fmt::format("[symbols] symbol {} is not UTF-8: \"{}\"", i, shown(name)));
    if (i == 0) continue;
    if (name.empty()) throw std::invalid_argument(fmt::format("[symbols] symbol {} is empty", i));
    if (name == names_[0] || !numbers_.emplace(name, static_cast<int>(i)).second)
      throw std::invalid_argument(fmt::format("[symbols] \"{}\" is there twice, the second time as {}", name, i));
    longest_ = std::max(longest_, name.size());
  }
}

Symbols Symbols::of_characters(std::string_view characters) {
  std::vector<std::string> names{"<blank>"};
  for (std::string& character : utf8_characters(characters)) names.push_back(std::move(character));
  return Symbols(std::move(names));
}

std::optional<int> Symbols::find(std::string_view name) const {
  const auto found = numbers_.find(name);
  if (found == numbers_.end()) return std::nullopt;
  return found->second;
}

std::vector<int> Symbols::encode(std::string_view text) const {
  std::vector<int> symbols;
  for (std::string_view rest = text; !rest.empty();) {
    std::optional<int> symbol;
    for (size_t length = std::min(longest_, rest.size()); length > 0 && !symbol; --length)
      symbol = find(rest.substr(0, length));
    if (!symbol)
      throw std::invalid_argument(fmt::format("[symbols] \"{}\" cannot be written: no symbol fits at \"{}\"",
                                              shown(text), shown(rest.substr(0, utf8_character(rest)))));
    symbols.push_back(*symbol);
    rest.remove_prefix(name(*symbol).size());
  }
  return symbols;
}

std::string Symbols::text(std::span<const int> symbols) const {
  std::string text;
  for (const int symbol : symbols) {
    const std::string& written = name(symbol);
    if (symbol != blank()) text += written;
  }
  return text;
}

}  // namespace avsr::decoding
