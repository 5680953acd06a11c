#include "decoding/arpa.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "decoding/text_file.h"
#include "decoding/utf8.h"

namespace avsr::decoding {
namespace {

constexpr double kRounding = 1e-6;  // a probability of 1 that was rounded up

// False where the text is no number, or more than one.
template <typename Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

class ArpaReader {
 public:
  ArpaReader(std::istream& in, std::string_view name) : in_(in), name_(name) {}

  Ngram read() {
    while (next_line("\\data\\") != "\\data\\") continue;
    read_counts();
    Ngram model(static_cast<int>(counts_.size()));
    for (size_t order = 1; order <= counts_.size(); ++order) read_section(order, model);
    if (line_ != "\\end\\") fail("\\end\\ after the last n-gram");
    return model;
  }

 private:
  [[noreturn]] void fail(std::string_view expected) const {
    throw std::runtime_error(fmt::format("{}:{}: expected {}, found \"{}\"", name_, number_, expected, shown(line_)));
  }

  // The next line, without white space at its end.
  std::string_view next_line(std::string_view expected) {
    if (!std::getline(in_, line_))
      throw std::runtime_error(fmt::format("{}:{}: expected {}, found the end of the file: {}", name_, number_ + 1,
                                           expected, number_ == 0 ? "it is empty" : "is it cut off, or no ARPA file?"));
    ++number_;
    line_.erase(line_.find_last_not_of(" \t\r") + 1);
    return line_;
  }

  // The next line that is not empty.
  void next_full_line(std::string_view expected) {
    while (next_line(expected).empty()) continue;
    require_utf8(name_, number_, line_);
  }

  // "ngram 1=4711", with spaces about the sign or not; stops at the first line that begins with a backslash.
  void read_counts() {
    for (next_full_line("ngram 1=…"); !line_.starts_with('\\'); next_full_line("\\1-grams:")) {
      const size_t order = counts_.size() + 1;
      const size_t equals = line_.find('=');
      const auto left = fields_of(std::string_view(line_).substr(0, equals));
      const auto right = fields_of(equals == std::string::npos ? "" : std::string_view(line_).substr(equals + 1));
      uint64_t count = 0;
      if (left.size() != 2 || left[0] != "ngram" || left[1] != std::to_string(order) || right.size() != 1 ||
          !read_number(right[0], count))
        fail(fmt::format("\"ngram {}=\" and a count, or \\1-grams:", order));
      counts_.push_back(count);
    }
    if (counts_.empty()) fail("ngram 1= and a count");
  }

  // line_ is the section's heading; afterwards it is the next one's, or \end\.
  void read_section(size_t order, Ngram& model) {
    if (line_ != fmt::format("\\{}-grams:", order)) fail(fmt::format("\\{}-grams:", order));
    const std::string expected = fmt::format("{} {}-grams, then {}", counts_[order - 1], order,
                                             order < counts_.size() ? "the next section" : "\\end\\");
    uint64_t found = 0;
    for (next_full_line(expected); !is_heading(); next_full_line(expected), ++found) read_entry(order, model);
    if (found != counts_[order - 1])
      fail(fmt::format("{} {}-grams as announced at the file's beginning, not {}, before this line", counts_[order - 1],
                       order, found));
  }

  // No number begins with a backslash.
  bool is_heading() const { return line_.starts_with('\\'); }

  void read_entry(size_t order, Ngram& model) {
    const auto fields = fields_of(line_);
    if (fields.size() != order + 1 && fields.size() != order + 2)
      fail(fmt::format("a probability, {} word{} and perhaps a back-off weight", order, order == 1 ? "" : "s"));
    double probability = 0, back_off = 0;
    if (!read_number(fields[0], probability) || !(probability <= kRounding)) fail("a log10 probability, 0 or less");
    if (fields.size() == order + 2) {
      if (!read_number(fields.back(), back_off) || !(back_off <= -Ngram::kUnlisted))
        fail("a log10 back-off weight at the end");
      if (order == counts_.size() && back_off != 0) fail("no back-off weight in the longest n-grams");
    }
    add(std::span(fields).subspan(1, order), std::min(probability, 0.0), back_off, model);
  }

  void add(std::span<const std::string_view> words, double probability, double back_off, Ngram& model) {
    bool is_new = true;
    if (words.size() == 1) {
      is_new = model.add_word(words[0], probability, back_off);
    } else {
      std::vector<int> numbers;
      for (const std::string_view word : words) {
        const auto number = model.find(word);
        if (!number) fail(fmt::format("words that are unigrams, and \"{}\" is none", shown(word)));
        numbers.push_back(*number);
      }
      is_new = model.add(numbers, probability, back_off);
    }
    if (!is_new) fail("each n-gram once");
  }

  std::istream& in_;
  std::string name_, line_;
  int number_ = 0;  // of line_, from 1
  std::vector<uint64_t> counts_;
};

}  // namespace

Ngram read_arpa(std::istream& in, std::string_view name) { return ArpaReader(in, name).read(); }

Ngram read_arpa(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in || std::filesystem::is_directory(file))
    throw std::runtime_error(fmt::format("{}: cannot be opened", file.string()));
  return read_arpa(in, file.string());
}

}  // namespace avsr::decoding
