// Pickles put together by hand, opcode by opcode, and the legacy file of PyTorch around one.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace avsr::io {

template <typename T>
std::string raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string text(const std::string& value) {
  std::string bytes = raw(static_cast<uint32_t>(value.size()));
  bytes.insert(bytes.begin(), 'X');
  return bytes.append(value);
}
inline std::string python2_text(const std::string& value) {
  return "U" + std::string(1, static_cast<char>(value.size())) + value;
}
inline std::string integer(int64_t value) { return "\x8a\x08" + raw(value); }
inline std::string tuple(const std::string& items) { return "(" + items + "t"; }
inline std::string pickle(const std::string& body) { return "\x80\x02" + body + "."; }

// A tensor of f32 in storage `key` of `count` elements.
inline std::string tensor(const std::string& key, int64_t count, int64_t offset, const std::vector<int64_t>& shape,
                          const std::vector<int64_t>& strides) {
  const auto numbers = [](const std::vector<int64_t>& values) {
    std::string items;
    for (const int64_t value : values) items += integer(value);
    return tuple(items);
  };
  const std::string storage =
      tuple(text("storage") + global("torch", "FloatStorage") + text(key) + text("cpu") + integer(count) + "N") + "Q";
  return global("torch._utils", "_rebuild_tensor_v2") +
         tuple(storage + integer(offset) + numbers(shape) + numbers(strides) + "\x89" +
               global("collections", "OrderedDict") + ")R") +
         "R";
}

// A dict of one tensor.
inline std::string one_tensor(const std::string& made) { return "}" + text("a") + made + "s"; }

// The file around a body that names at most the storage "0", which it holds.
inline std::vector<uint8_t> legacy_file(const std::string& body, const std::vector<float>& storage = {}) {
  std::string file = pickle(std::string("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 12)) +
                     pickle(integer(1001)) + pickle("}" + text("little_endian") + "\x88s") + pickle(body) +
                     pickle(storage.empty() ? "]" : "]" + text("0") + "a");
  if (!storage.empty()) {
    file += raw(static_cast<int64_t>(storage.size()));
    for (const float value : storage) file += raw(value);
  }
  return {file.begin(), file.end()};
}

}  // namespace avsr::io
