// Which words may follow which: a word list, or what a grammar unfolds to.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace avsr::decoding {

// A deterministic finite-state acceptor over words. States are numbered; sentences begin at state 0.
struct WordGraph {
  struct Arc {
    int word = 0;  // index in words
    int next = 0;  // state after it
  };
  struct State {
    std::vector<Arc> arcs;  // no word twice
    bool may_end = false;   // whether a sentence may end here
  };
  std::vector<std::string> words;
  std::vector<State> states;
};

// Any number of these words in any order, none included. A word that is there twice counts once. Throws
// std::invalid_argument on an empty list and on empty words.
WordGraph any_words(std::vector<std::string> words);

// A word list: UTF-8, one word a line; empty lines and white space around words do not count. Throws
// std::runtime_error naming file and line: a file that cannot be read or has no word, two words in a line, bytes that
// are not UTF-8.
std::vector<std::string> read_word_list(const std::filesystem::path& file);

}  // namespace avsr::decoding
