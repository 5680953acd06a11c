// Word and character error rates of recognised texts, and which of their tokens are wrong.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace avsr::eval {

// What turns a reference into a hypothesis, token by token: words, or characters.
enum class Edit : uint8_t { match, substitution, deletion, insertion };
struct EditStep {
  Edit edit = Edit::match;
  int reference = -1;   // index of the token; -1 of an insertion
  int hypothesis = -1;  // index of the token; -1 of a deletion
};

// The fewest edits (Levenshtein 1966), from the beginning on; of equally few those with the most matches, as NIST's
// sclite prefers ("a b" heard as "b c" is a deletion and an insertion); of those the same each time. Takes
// 8 (N + 1) (M + 1) bytes for N and M tokens.
std::vector<EditStep> edit_alignment(std::span<const std::string> reference, std::span<const std::string> hypothesis);
std::vector<EditStep> edit_alignment(std::span<const int> reference, std::span<const int> hypothesis);

// Of one text, or summed up over several.
struct ErrorCounts {
  int64_t substitutions = 0, deletions = 0, insertions = 0;
  int64_t reference = 0;  // tokens of the reference
  int64_t errors() const { return substitutions + deletions + insertions; }
  double rate() const;  // errors / reference, may exceed 1; with no reference token: 0 without insertions, else 1
  ErrorCounts& operator+=(const ErrorCounts& other);
  bool operator==(const ErrorCounts&) const = default;
};
ErrorCounts count_errors(std::span<const EditStep> steps);
ErrorCounts token_errors(std::span<const std::string> reference, std::span<const std::string> hypothesis);
ErrorCounts token_errors(std::span<const int> reference, std::span<const int> hypothesis);

// A text's words (what white space separates), and its characters (code points of UTF-8, the spaces between words
// among them; what is no UTF-8 counts byte by byte).
std::vector<std::string> words_of(std::string_view text);
std::vector<std::string> characters_of(std::string_view text);

}  // namespace avsr::eval
