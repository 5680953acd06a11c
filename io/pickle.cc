#include "io/pickle.h"

#include <fmt/format.h>

#include "io/pickle_machine.h"

namespace avsr::io {

namespace {

using Kind = PickleValue::Kind;

// Many times what the largest checkpoint of these networks takes. It bounds memory: an operation makes at most one
// value.
constexpr size_t kMostOperations = 1'000'000;

// The opcodes are those of Python's pickletools. Each group of them says whether an opcode is one of its own.
class Machine {
 public:
  Machine(std::span<const uint8_t> bytes, std::span<const std::string_view> globals, std::deque<PickleValue>& values)
      : bytes_(bytes), globals_(globals), stack_(values) {}

  // The root.
  const PickleValue* run() {
    size_t start = 0;
    try {
      for (size_t operations = 0; operations < kMostOperations; ++operations) {
        start = bytes_.at();
        const uint8_t opcode = bytes_.take(1)[0];
        if (opcode == '.') return stack_.pop();
        if (!push_number(opcode) && !push_text(opcode) && !push_container(opcode) && !fill(opcode) && !call(opcode) &&
            !keep(opcode))
          throw PickleDamage(fmt::format("opcode 0x{:02x}, which files of weights do not use", opcode));
      }
      throw PickleDamage(fmt::format("more than {} operations", kMostOperations));
    } catch (const PickleDamage& damage) {
      throw std::runtime_error(
          fmt::format("the pickle is damaged or hostile: at its byte {}: {}", start, damage.what()));
    }
  }

  size_t at() const { return bytes_.at(); }

 private:
  bool push_number(uint8_t opcode) {
    switch (opcode) {
      case 'N':
        stack_.push(Kind::none);
        return true;
      case 0x88:
      case 0x89:
        stack_.push(Kind::boolean)->integer = opcode == 0x88;
        return true;
      case 'J':
        return integer(bytes_.number<int32_t>());
      case 'K':
        return integer(bytes_.number<uint8_t>());
      case 'M':
        return integer(bytes_.number<uint16_t>());
      case 0x8a:
        return long_integer(bytes_.number<uint8_t>());
      case 'G':
        stack_.push(Kind::real)->real = bytes_.big_endian_double();
        return true;
      default:
        return false;
    }
  }

  bool integer(int64_t value) {
    stack_.push(Kind::integer)->integer = value;
    return true;
  }

  bool long_integer(uint8_t count) {
    if (count > sizeof(int64_t)) return text(Kind::bytes, count);
    const std::string bytes = bytes_.text(count);
    int64_t value = count > 0 && (bytes.back() & 0x80) != 0 ? -1 : 0;  // the sign goes on
    std::memcpy(&value, bytes.data(), count);
    return integer(value);
  }

  bool push_text(uint8_t opcode) {
    switch (opcode) {
      case 'X':
        return text(Kind::text, bytes_.number<uint32_t>());
      case 0x8c:
        return text(Kind::text, bytes_.number<uint8_t>());
      case 0x8d:
        return text(Kind::text, bytes_.number<uint64_t>());
      case 'T':
      case 'B':
        return text(Kind::bytes, bytes_.number<uint32_t>());
      case 'U':
      case 'C':
        return text(Kind::bytes, bytes_.number<uint8_t>());
      case 0x8e:
        return text(Kind::bytes, bytes_.number<uint64_t>());
      default:
        return false;
    }
  }

  bool text(Kind kind, uint64_t count) {
    std::string value = bytes_.text(count);
    stack_.push(kind)->text = std::move(value);
    return true;
  }

  bool push_container(uint8_t opcode) {
    switch (opcode) {
      case ']':
        stack_.push(Kind::list);
        return true;
      case '}':
        stack_.push(Kind::dict);
        return true;
      case ')':
        return tuple({});
      case 0x85:
      case 0x86:
      case 0x87:
        return tuple(stack_.pop(size_t{opcode} - 0x84));
      case 't':
        return tuple(stack_.pop_to_mark());
      default:
        return false;
    }
  }

  bool tuple(PickleStack::Items items) {
    stack_.push(Kind::tuple)->items = std::move(items);
    return true;
  }

  bool fill(uint8_t opcode) {
    switch (opcode) {
      case 'a':
        return append(stack_.pop(1), Kind::list, "list");
      case 'e':
        return append(stack_.pop_to_mark(), Kind::list, "list");
      case 's':
        return append(stack_.pop(2), Kind::dict, "dict");
      case 'u':
        return append(stack_.pop_to_mark(), Kind::dict, "dict");
      default:
        return false;
    }
  }

  bool append(const PickleStack::Items& more, Kind kind, const char* name) {
    if (kind == Kind::dict && more.size() % 2 != 0) throw PickleDamage("a key without a value");
    auto& items = stack_.top(kind, name).items;
    items.insert(items.end(), more.begin(), more.end());
    return true;
  }

  bool call(uint8_t opcode) {
    switch (opcode) {
      case 'c': {
        const std::string module = bytes_.line();
        return push_global(module, bytes_.line());
      }
      case 0x93: {
        const std::string name = stack_.pop()->text;
        return push_global(stack_.pop()->text, name);
      }
      case 'R':
        return note_call();
      case 'b':
        return drop_state();
      case 'Q': {
        auto id = stack_.pop(1);
        stack_.push(Kind::persistent)->items = std::move(id);
        return true;
      }
      default:
        return false;
    }
  }

  bool push_global(const std::string& module, const std::string& name) {
    const std::string full = module + "." + name;
    if (std::find(globals_.begin(), globals_.end(), full) == globals_.end())
      throw std::runtime_error(
          fmt::format("refused: it asks for the Python object {}, which no file of weights needs; a file that holds a "
                      "whole module has to be saved as its state_dict()",
                      printable(full)));
    stack_.push(Kind::global)->text = full;
    return true;
  }

  bool note_call() {
    const PickleValue* arguments = stack_.pop();
    const PickleValue* callee = stack_.pop();
    if (callee->kind != Kind::global || arguments->kind != Kind::tuple)
      throw PickleDamage("expected a call of a named object with a tuple of arguments");
    if (callee->text == "collections.OrderedDict") return push_ordered(*arguments);
    PickleValue* made = stack_.push(Kind::call);
    made->text = callee->text;
    made->items = {arguments};
    return true;
  }

  // OrderedDict(), or as Python 2 wrote it: OrderedDict([[key, value], …]).
  bool push_ordered(const PickleValue& arguments) {
    PickleValue* dict = stack_.push(Kind::dict);
    if (arguments.items.empty()) return true;
    if (arguments.items.size() > 1 || arguments.items[0]->kind != Kind::list)
      throw PickleDamage("an OrderedDict of something else than a list");
    for (const PickleValue* pair : arguments.items[0]->items) {
      if ((pair->kind != Kind::list && pair->kind != Kind::tuple) || pair->items.size() != 2)
        throw PickleDamage("an OrderedDict of something else than pairs");
      if (++copied_pairs_ > kMostOperations) throw PickleDamage(fmt::format("more than {} pairs", kMostOperations));
      dict->items.insert(dict->items.end(), pair->items.begin(), pair->items.end());
    }
    return true;
  }

  // An OrderedDict of weights carries the modules' versions so.
  bool drop_state() {
    stack_.pop();
    const Kind kind = stack_.top()->kind;
    if (kind != Kind::dict && kind != Kind::call) throw PickleDamage("a state for something that has none");
    return true;
  }

  bool keep(uint8_t opcode) {
    switch (opcode) {
      case 0x80:
        if (const int protocol = bytes_.number<uint8_t>(); protocol < 2 || protocol > 5)
          throw PickleDamage(fmt::format("expected protocol 2 to 5, found {}", protocol));
        return true;
      case 0x95:  // the length of a frame: what it holds follows anyway
        bytes_.take(sizeof(uint64_t));
        return true;
      case '(':
        stack_.mark();
        return true;
      case '0':
        stack_.pop();
        return true;
      case '1':
        stack_.pop_to_mark();
        return true;
      case '2':
        stack_.push_again(stack_.top());
        return true;
      default:
        return remember(opcode);
    }
  }

  bool remember(uint8_t opcode) {
    switch (opcode) {
      case 'q':
        stack_.remember(bytes_.number<uint8_t>());
        return true;
      case 'r':
        stack_.remember(bytes_.number<uint32_t>());
        return true;
      case 0x94:
        stack_.remember();
        return true;
      case 'h':
        stack_.recall(bytes_.number<uint8_t>());
        return true;
      case 'j':
        stack_.recall(bytes_.number<uint32_t>());
        return true;
      default:
        return false;
    }
  }

  PickleBytes bytes_;
  std::span<const std::string_view> globals_;
  PickleStack stack_;
  size_t copied_pairs_ = 0;  // one list may be copied again and again
};

}  // namespace

const PickleValue* PickleValue::find(std::string_view key) const {
  if (kind != Kind::dict) return nullptr;
  for (size_t i = items.size(); i >= 2; i -= 2)  // of two with one name the later holds, as in Python
    if ((items[i - 2]->kind == Kind::text || items[i - 2]->kind == Kind::bytes) && items[i - 2]->text == key)
      return items[i - 1];
  return nullptr;
}

Pickle::Pickle(std::span<const uint8_t> bytes, std::span<const std::string_view> globals) {
  Machine machine(bytes, globals, values_);
  root_ = machine.run();
  bytes_ = machine.at();
}

}  // namespace avsr::io
