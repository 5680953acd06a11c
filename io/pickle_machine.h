// What a pickle's opcodes work on: the bytes that follow them, and the stack of values. For pickle.cc.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <deque>
#include <span>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "io/pickle.h"

namespace avsr::io {

static_assert(std::endian::native == std::endian::little, "pickles are little-endian, and are read into memory");

// Its text goes without a place, which the machine adds.
struct PickleDamage : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A name that the file asks for, fit for a message.
inline std::string printable(std::string text) {
  constexpr size_t kShown = 80;
  if (text.size() > kShown) text = text.substr(0, kShown) + "…";
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ') c = '?';
  return text;
}

class PickleBytes {
 public:
  explicit PickleBytes(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  size_t at() const { return at_; }

  std::span<const uint8_t> take(uint64_t count) {
    if (count > bytes_.size() - at_)
      throw PickleDamage(fmt::format("expected {} bytes more, {} are left: cut short?", count, bytes_.size() - at_));
    const auto taken = bytes_.subspan(at_, static_cast<size_t>(count));
    at_ += taken.size();
    return taken;
  }
  template <typename T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  double big_endian_double() { return std::bit_cast<double>(__builtin_bswap64(number<uint64_t>())); }
  std::string text(uint64_t count) {
    const auto taken = take(count);
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }
  std::string line() {
    const auto rest = bytes_.subspan(at_);
    const auto end = std::find(rest.begin(), rest.end(), uint8_t{'\n'});
    if (end == rest.end()) throw PickleDamage("expected a line, found no end of one: cut short?");
    const std::string found = text(static_cast<uint64_t>(end - rest.begin()));
    take(1);
    return found;
  }

 private:
  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
};

// Values with marks between them, and those that were remembered by number. Nothing is popped across a mark.
class PickleStack {
 public:
  using Items = std::vector<const PickleValue*>;

  explicit PickleStack(std::deque<PickleValue>& values) : values_(values) {}

  PickleValue* push(PickleValue::Kind kind) {
    values_.emplace_back().kind = kind;
    stack_.push_back(&values_.back());
    return stack_.back();
  }
  void push_again(PickleValue* value) { stack_.push_back(value); }
  PickleValue* top() const {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back()))
      throw PickleDamage("expected a value on the stack, found none");
    return stack_.back();
  }
  PickleValue& top(PickleValue::Kind kind, const char* name) const {
    if (top()->kind != kind) throw PickleDamage(fmt::format("expected a {} on the stack", name));
    return *stack_.back();
  }
  PickleValue* pop() {
    PickleValue* value = top();
    stack_.pop_back();
    return value;
  }
  Items pop(size_t count) {
    Items taken(count);
    for (size_t i = count; i-- > 0;) taken[i] = pop();
    return taken;
  }
  void mark() { marks_.push_back(stack_.size()); }
  Items pop_to_mark() {
    if (marks_.empty()) throw PickleDamage("expected a mark on the stack, found none");
    Items taken(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return taken;
  }

  void remember(uint32_t index) { memo_[index] = top(); }
  void remember() { remember(static_cast<uint32_t>(memo_.size())); }
  void recall(uint32_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end())
      throw PickleDamage(fmt::format("asks for remembered value {}, which is not there", index));
    stack_.push_back(found->second);
  }

 private:
  std::deque<PickleValue>& values_;
  std::vector<PickleValue*> stack_;
  std::vector<size_t> marks_;  // heights of the stack
  std::unordered_map<uint32_t, PickleValue*> memo_;
};

}  // namespace avsr::io
