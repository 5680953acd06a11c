// UTF-8 texts, character by character.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace avsr::decoding {

// Bytes of the character at the beginning of text, 1 to 4; 0 where text is empty or does not begin with one (Unicode
// standard, table 3-7: no overlong forms, no surrogates).
size_t utf8_character(std::string_view text);

// Where the first byte stands that is no part of a character; none in a valid text.
std::optional<size_t> first_bad_utf8(std::string_view text);

// The characters (code points) of a valid text.
std::vector<std::string> utf8_characters(std::string_view text);

// A text from a file as an error message may show it: cut to about 40 bytes, bytes that are no UTF-8 as \xNN.
std::string shown(std::string_view text);

}  // namespace avsr::decoding
