// Thompson's construction: regular expressions over words as automata with empty moves (Thompson 1968), and the subset
// construction that takes these moves out (Rabin and Scott 1959).
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "decoding/word_graph.h"

namespace avsr::decoding {

// A grammar that is too large when written out.
class TooLarge : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

class WordAutomaton {
 public:
  // A part: what leads from its start to its end. Nothing leads into the start or out of the end.
  struct Part {
    int start = 0, end = 0;
  };

  // Each throws TooLarge beyond 100,000 places.
  Part word(int word);
  Part sequence(Part first, Part second);
  Part either(Part first, Part second);
  Part optional(Part part);
  Part repeated(Part part);  // once or oftener
  Part copy_of(const WordAutomaton& other, Part part);

  // The part as a deterministic graph; `words` are the words' texts, by number. Throws TooLarge beyond 200,000
  // continuations.
  WordGraph graph(Part part, std::vector<std::string> words) const;

 private:
  static constexpr int kEmpty = -1;
  struct Move {
    int word = kEmpty;
    int to = 0;
  };
  int place();
  void move(int from, int to, int word = kEmpty) { moves_[static_cast<size_t>(from)].push_back({word, to}); }
  std::vector<int> closure(const std::vector<int>& places, int end) const;

  std::vector<std::vector<Move>> moves_;
};

}  // namespace avsr::decoding
