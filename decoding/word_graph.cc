#include "decoding/word_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "decoding/text_file.h"
#include "decoding/utf8.h"

namespace avsr::decoding {

WordGraph any_words(std::vector<std::string> words) {
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  if (words.empty() || words.front().empty())
    throw std::invalid_argument(
        fmt::format("[word list] expected words, got {}", words.empty() ? "none" : "an empty one"));
  WordGraph graph;
  graph.states.resize(1);
  graph.states[0].may_end = true;
  for (size_t i = 0; i < words.size(); ++i) graph.states[0].arcs.push_back({static_cast<int>(i), 0});
  graph.words = std::move(words);
  return graph;
}

std::vector<std::string> read_word_list(const std::filesystem::path& file) {
  const std::string text = read_text(file);
  std::vector<std::string> words;
  int number = 0;
  for (const std::string_view line : lines_of(text)) {
    require_utf8(file.string(), ++number, line);
    const auto fields = fields_of(line);
    if (fields.size() > 1)
      throw std::runtime_error(fmt::format("{}:{}: expected one word a line, found {}: \"{}\"", file.string(), number,
                                           fields.size(), shown(line)));
    if (!fields.empty()) words.emplace_back(fields[0]);
  }
  if (words.empty()) throw std::runtime_error(fmt::format("{}: expected words, one a line, found none", file.string()));
  return words;
}

}  // namespace avsr::decoding
