// A reader of TensorBoard's event files that shares nothing with their writer.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "io/atomic_file.h"

namespace avsr::tests {

inline uint32_t crc32c(const uint8_t* data, size_t size) {
  uint32_t crc = ~0u;
  for (size_t i = 0; i < size; ++i) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
  }
  return ~crc;
}

inline uint32_t unmasked(uint32_t masked) {
  const uint32_t rotated = masked - 0xa282ead8u;
  return rotated >> 17 | rotated << 15;
}

template <typename T>
T number_at(const uint8_t* data) {
  T value;
  std::memcpy(&value, data, sizeof value);
  return value;
}

// The records of a file; checks lengths and both checksums of each.
inline std::vector<std::vector<uint8_t>> records_of(const std::string& path) {
  const std::vector<uint8_t> bytes = io::read_binary_file(path);
  std::vector<std::vector<uint8_t>> records;
  for (size_t at = 0; at < bytes.size();) {
    if (at + 16 > bytes.size()) throw std::runtime_error("a record's frame is cut off");
    const auto length = number_at<uint64_t>(&bytes[at]);
    EXPECT_EQ(crc32c(&bytes[at], 8), unmasked(number_at<uint32_t>(&bytes[at + 8])));
    if (at + 16 + length > bytes.size()) throw std::runtime_error("a record is cut off");
    const uint8_t* data = bytes.data() + at + 12;
    EXPECT_EQ(crc32c(data, length), unmasked(number_at<uint32_t>(data + length)));
    records.emplace_back(data, data + length);
    at += 16 + length;
  }
  return records;
}

struct Field {
  uint64_t number = 0, varint = 0;
  std::vector<uint8_t> bytes;  // of fixed and length-delimited kinds
};

inline uint64_t take_varint(const std::vector<uint8_t>& message, size_t& at) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const uint8_t byte = message.at(at++);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

inline std::vector<Field> fields_of(const std::vector<uint8_t>& message) {
  std::vector<Field> fields;
  for (size_t at = 0; at < message.size();) {
    const uint64_t key = take_varint(message, at), kind = key & 7;
    Field field{.number = key >> 3};
    if (kind == 0) {
      field.varint = take_varint(message, at);
    } else {
      const size_t size = kind == 1 ? 8 : kind == 5 ? 4 : take_varint(message, at);
      if (at + size > message.size()) throw std::runtime_error("a field is cut off");
      field.bytes.assign(message.data() + at, message.data() + at + size);
      at += size;
    }
    fields.push_back(std::move(field));
  }
  return fields;
}

inline std::string text_of(const Field& field) { return {field.bytes.begin(), field.bytes.end()}; }

using Points = std::multimap<std::pair<std::string, int64_t>, float>;  // (tag, step) -> values

// What TensorBoard keeps of the files, read in this order: a session's start drops what stands at its step and later.
inline Points points_of(const std::vector<std::string>& paths) {
  Points points;
  for (const std::string& path : paths)
    for (const auto& record : records_of(path)) {
      const std::vector<Field> event = fields_of(record);
      const auto step = static_cast<int64_t>(event.at(1).varint);
      if (event.at(2).number == 7) std::erase_if(points, [&](const auto& point) { return point.first.second >= step; });
      if (event.at(2).number != 5) continue;
      for (const Field& value : fields_of(event[2].bytes)) {
        const std::vector<Field> scalar = fields_of(value.bytes);
        points.emplace(std::pair(text_of(scalar.at(0)), step), number_at<float>(scalar.at(1).bytes.data()));
      }
    }
  return points;
}

}  // namespace avsr::tests
