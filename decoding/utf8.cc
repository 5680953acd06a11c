#include "decoding/utf8.h"

#include <fmt/format.h>

#include <algorithm>

namespace avsr::decoding {
namespace {

unsigned char byte_at(std::string_view text, size_t i) { return static_cast<unsigned char>(text[i]); }

// The least and the largest second byte after a first one.
std::pair<int, int> second_byte(unsigned char first) {
  switch (first) {
    case 0xE0:
      return {0xA0, 0xBF};
    case 0xED:
      return {0x80, 0x9F};
    case 0xF0:
      return {0x90, 0xBF};
    case 0xF4:
      return {0x80, 0x8F};
    default:
      return {0x80, 0xBF};
  }
}

}  // namespace

size_t utf8_character(std::string_view text) {
  if (text.empty()) return 0;
  const unsigned char first = byte_at(text, 0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xC2 && first <= 0xDF   ? 2
                        : first >= 0xE0 && first <= 0xEF ? 3
                        : first >= 0xF0 && first <= 0xF4 ? 4
                                                         : 0;
  if (length == 0 || text.size() < length) return 0;
  const auto [least, largest] = second_byte(first);
  if (byte_at(text, 1) < least || byte_at(text, 1) > largest) return 0;
  for (size_t i = 2; i < length; ++i)
    if ((byte_at(text, i) & 0xC0) != 0x80) return 0;
  return length;
}

std::optional<size_t> first_bad_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_character(text.substr(i));
    if (length == 0) return i;
    i += length;
  }
  return std::nullopt;
}

std::vector<std::string> utf8_characters(std::string_view text) {
  std::vector<std::string> characters;
  while (!text.empty()) {
    const size_t length = std::max<size_t>(1, utf8_character(text));
    characters.emplace_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return characters;
}

std::string shown(std::string_view text) {
  constexpr size_t kMost = 40;
  std::string result;
  while (!text.empty() && result.size() < kMost) {
    const size_t length = utf8_character(text);
    if (length > 1 || (length == 1 && byte_at(text, 0) >= 0x20 && byte_at(text, 0) != 0x7F))
      result += text.substr(0, length);
    else
      result += fmt::format("\\x{:02X}", byte_at(text, 0));
    text.remove_prefix(std::max<size_t>(1, length));
  }
  if (!text.empty()) result += "…";
  return result;
}

}  // namespace avsr::decoding
