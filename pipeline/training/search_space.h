// The hyper-parameters that `avsr tune` tries, and random draws of them (Bergstra and Bengio 2012).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace avsr::pipeline {

// One key of the recipe, as `--set` names it, and what it may be.
struct Dimension {
  enum class Kind : uint8_t {
    choose,   // one of `values`, equally likely
    uniform,  // a number from low to high, rounded to four digits
    log,      // the same, its logarithm uniform
    integer   // a whole number from low to high, both included
  } kind = Kind::choose;
  std::string key;
  std::vector<std::string> values;  // as a recipe writes them
  double low = 0, high = 0;
};

struct SearchSpace {
  std::vector<Dimension> dimensions;  // in the order of their keys in the file
  std::string text;                   // the YAML it was read from
};

// Reads a space: a YAML mapping of recipe keys, such as
//   network.recurrent.hidden: [64, 128, 256]        # or {choose: [...]}
//   stages.*.rate: {log: [1e-4, 1e-2]}
//   network.recurrent.hidden_dropout: {uniform: [0, 0.5]}
//   network.recurrent.layers: {integer: [1, 3]}
// Throws std::invalid_argument with origin and line for what is no such thing.
SearchSpace parse_space(const std::string& yaml, const std::string& origin);

// What `--set` would get for trial number `trial`: fixed by (seed, trial, key), so that a longer search begins with the
// trials of a shorter one, and one key's draws do not depend on the others.
std::vector<std::string> draw(const SearchSpace& space, uint64_t seed, int trial);

}  // namespace avsr::pipeline
