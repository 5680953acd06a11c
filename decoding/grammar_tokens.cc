#include "decoding/grammar_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "decoding/text_file.h"

namespace avsr::decoding {
namespace {

constexpr std::string_view kSigns = "=|()[]+*";
constexpr std::string_view kNoWord = " \t$=|()[]+*";

// Appends the tokens of one line.
void add_tokens(std::string_view line, std::string_view name, int number, std::vector<GrammarToken>& tokens) {
  using Kind = GrammarToken::Kind;
  for (size_t i = 0; i < line.size();) {
    if (line[i] == ' ' || line[i] == '\t') {
      ++i;
      continue;
    }
    if (line[i] == '#') return;
    if (kSigns.find(line[i]) != std::string_view::npos) {
      tokens.push_back({Kind::sign, std::string(1, line[i++]), number});
      continue;
    }
    const bool is_name = line[i] == '$';
    const size_t end = std::min(line.size(), line.find_first_of(kNoWord, i + (is_name ? 1 : 0)));
    if (is_name && end == i + 1)
      throw std::runtime_error(fmt::format("{}:{}: expected the name of a rule after $, found none", name, number));
    tokens.push_back({is_name ? Kind::name : Kind::word, std::string(line.substr(i, end - i)), number});
    i = end;
  }
}

}  // namespace

std::vector<std::vector<GrammarToken>> grammar_rules(std::string_view text, std::string_view name) {
  std::vector<std::vector<GrammarToken>> rules;
  int number = 0;
  for (const std::string_view line : lines_of(text)) {
    require_utf8(name, ++number, line);
    std::vector<GrammarToken> tokens;
    add_tokens(line, name, number, tokens);
    if (tokens.empty()) continue;
    const bool goes_on = line.starts_with(' ') || line.starts_with('\t');
    if (goes_on && rules.empty())
      throw std::runtime_error(fmt::format(
          "{}:{}: expected a rule at the beginning of the line, found white space, which goes on with the rule before",
          name, number));
    if (!goes_on) rules.emplace_back();
    std::move(tokens.begin(), tokens.end(), std::back_inserter(rules.back()));
  }
  for (auto& rule : rules) rule.push_back({GrammarToken::Kind::end, "", rule.back().line});
  return rules;
}

}  // namespace avsr::decoding
