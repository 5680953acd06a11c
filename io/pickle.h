// Python pickles read as data: the opcodes that files of weights are made of, and nothing that could run a program.
//
// A pickle is a program for a stack machine whose REDUCE opcode calls any function by name. Here a call is only noted
// down (its name and its arguments), and a name that is not on the caller's list is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace avsr::io {

struct PickleValue {
  enum class Kind : uint8_t {
    none,
    boolean,     // integer
    integer,     // integer
    real,        // real
    text,        // text: str, UTF-8
    bytes,       // text: bytes, a Python 2 str, or an integer of more than 8 bytes (little-endian)
    tuple,       // items
    list,        // items
    dict,        // items: key, value, key, value, …
    global,      // text: "module.name", one of the allowed
    call,        // text: the called global, items: one, the tuple of its arguments
    persistent,  // items: one, the id of an object that is stored elsewhere
  };
  Kind kind = Kind::none;
  int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<const PickleValue*> items;  // may be shared, and a list or a dict may hold itself

  // Of a dict, the value under a text key; null when absent or when this is no dict.
  const PickleValue* find(std::string_view key) const;
};

// The values of one pickle. They live as long as this object.
class Pickle {
 public:
  // Reads the pickle (protocols 2 to 5) that stands at the beginning of `bytes`. `globals`: the names that may occur,
  // as "module.name". collections.OrderedDict becomes a dict. The state that an object is given after its construction
  // (BUILD) is left out. Throws std::runtime_error naming the byte and what stands there, on a name that is not
  // allowed, an opcode that weights do not need, a file cut short, and one that is larger than weights ever are.
  Pickle(std::span<const uint8_t> bytes, std::span<const std::string_view> globals);
  Pickle(Pickle&&) noexcept = default;
  Pickle& operator=(Pickle&&) noexcept = default;

  const PickleValue& root() const { return *root_; }
  const std::deque<PickleValue>& values() const { return values_; }  // all that were made, in order
  size_t bytes() const { return bytes_; }                            // that it took up

 private:
  std::deque<PickleValue> values_;
  const PickleValue* root_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace avsr::io
