// A grammar of sentences, as a text file.
//
//   # GRID's commands. Everything from a # on is a remark.
//   $command = bin | lay | place | set
//   $letter  = a | b | c | d
//            | e | f                    (a line that begins with white space goes on with the rule before)
//   $sentence = $command [the] $letter+ (now | again | soon)*
//
// One rule a line: a $name, "=", and what it stands for, in words and names of rules above it:
//   a b     a, then b          (a b)   a group
//   a | b   a or b             [a]     a or nothing
//   a+      a, once or oftener a*      a, any number of times
// "|" binds least. The last rule is what may be said. Since a rule uses only rules above it, none contains itself: what
// a grammar describes is a regular language. Words are separated by spaces or tabs, and may have any characters but $ =
// | ( ) [ ] + * and, at their beginning, #.
#pragma once

#include <filesystem>
#include <string_view>

#include "decoding/word_graph.h"

namespace avsr::decoding {

// UTF-8. Throws std::runtime_error, "file:line: expected …, found …", on what is not a grammar, and on one that is too
// large when all rules are written out (50,000 words and signs; 200,000 continuations).
WordGraph read_grammar(const std::filesystem::path& file);
// The same of a text; name: what errors call it.
WordGraph parse_grammar(std::string_view text, std::string_view name);

}  // namespace avsr::decoding
