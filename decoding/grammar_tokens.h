// The words and signs of a grammar file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace avsr::decoding {

struct GrammarToken {
  enum class Kind { word, name, sign, end };
  Kind kind = Kind::end;
  std::string text;  // a word; a rule's name with its $; a sign of one letter; empty at the end
  int line = 0;

  bool is(char sign) const { return kind == Kind::sign && text[0] == sign; }
};

// The tokens of each rule, in order, each list with an end token behind. Throws std::runtime_error, "name:line: …":
// bytes that are not UTF-8, a $ without a name, a text that begins with a continued line.
std::vector<std::vector<GrammarToken>> grammar_rules(std::string_view text, std::string_view name);

}  // namespace avsr::decoding
