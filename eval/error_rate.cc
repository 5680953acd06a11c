#include "eval/error_rate.h"

#include <algorithm>
#include <cctype>

namespace avsr::eval {
namespace {

// Costs between the beginnings of two texts: row i, column j are the first i and j tokens. An edit costs `edit_`, and a
// substitution 1 more, which all of them together never make up to an edit.
template <typename Token>
class EditTable {
 public:
  EditTable(std::span<const Token> reference, std::span<const Token> hypothesis)
      : reference_(reference),
        hypothesis_(hypothesis),
        columns_(hypothesis.size() + 1),
        edit_(static_cast<int64_t>(std::min(reference.size(), hypothesis.size())) + 1) {
    costs_.resize((reference.size() + 1) * columns_);
    for (size_t j = 1; j < columns_; ++j) at(0, j) = at(0, j - 1) + edit_;
    for (size_t i = 1; i <= reference.size(); ++i) {
      at(i, 0) = at(i - 1, 0) + edit_;
      for (size_t j = 1; j < columns_; ++j)
        at(i, j) = std::min({at(i - 1, j - 1) + pairing(i, j), at(i - 1, j) + edit_, at(i, j - 1) + edit_});
    }
  }

  std::vector<EditStep> steps() {
    std::vector<EditStep> steps;
    for (size_t i = reference_.size(), j = hypothesis_.size(); i > 0 || j > 0;) {
      const int place = static_cast<int>(i) - 1, other = static_cast<int>(j) - 1;
      if (i > 0 && j > 0 && at(i, j) == at(i - 1, j - 1) + pairing(i, j)) {
        steps.push_back({pairing(i, j) == 0 ? Edit::match : Edit::substitution, place, other});
        --i, --j;
      } else if (i > 0 && at(i, j) == at(i - 1, j) + edit_) {
        steps.push_back({Edit::deletion, place, -1});
        --i;
      } else {
        steps.push_back({Edit::insertion, -1, other});
        --j;
      }
    }
    std::reverse(steps.begin(), steps.end());
    return steps;
  }

 private:
  int64_t pairing(size_t i, size_t j) const { return reference_[i - 1] == hypothesis_[j - 1] ? 0 : edit_ + 1; }
  int64_t& at(size_t i, size_t j) { return costs_[i * columns_ + j]; }

  std::span<const Token> reference_, hypothesis_;
  size_t columns_;
  int64_t edit_;
  std::vector<int64_t> costs_;
};

// Bytes of the character that begins here; 1 where it is no UTF-8.
size_t bytes_of_character(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const size_t bytes = first < 0x80 ? 1 : first >= 0xF0 && first < 0xF8 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 1;
  if (first >= 0xF8 || bytes > text.size()) return 1;
  for (size_t i = 1; i < bytes; ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 1;
  return bytes;
}

}  // namespace

std::vector<EditStep> edit_alignment(std::span<const std::string> reference, std::span<const std::string> hypothesis) {
  return EditTable<std::string>(reference, hypothesis).steps();
}

std::vector<EditStep> edit_alignment(std::span<const int> reference, std::span<const int> hypothesis) {
  return EditTable<int>(reference, hypothesis).steps();
}

double ErrorCounts::rate() const {
  if (reference == 0) return insertions > 0 ? 1 : 0;
  return static_cast<double>(errors()) / static_cast<double>(reference);
}

ErrorCounts& ErrorCounts::operator+=(const ErrorCounts& other) {
  substitutions += other.substitutions;
  deletions += other.deletions;
  insertions += other.insertions;
  reference += other.reference;
  return *this;
}

ErrorCounts count_errors(std::span<const EditStep> steps) {
  ErrorCounts counts;
  for (const EditStep& step : steps) {
    counts.substitutions += step.edit == Edit::substitution ? 1 : 0;
    counts.deletions += step.edit == Edit::deletion ? 1 : 0;
    counts.insertions += step.edit == Edit::insertion ? 1 : 0;
    counts.reference += step.reference >= 0 ? 1 : 0;
  }
  return counts;
}

ErrorCounts token_errors(std::span<const std::string> reference, std::span<const std::string> hypothesis) {
  return count_errors(edit_alignment(reference, hypothesis));
}

ErrorCounts token_errors(std::span<const int> reference, std::span<const int> hypothesis) {
  return count_errors(edit_alignment(reference, hypothesis));
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  for (const char c : text) {
    const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (!space && !inside) words.emplace_back();
    if (!space) words.back() += c;
    inside = !space;
  }
  return words;
}

std::vector<std::string> characters_of(std::string_view text) {
  std::vector<std::string> characters;
  while (!text.empty()) {
    const size_t bytes = bytes_of_character(text);
    characters.emplace_back(text.substr(0, bytes));
    text.remove_prefix(bytes);
  }
  return characters;
}

}  // namespace avsr::eval
