#include "io/npz_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <stdexcept>

namespace avsr::io {

static_assert(std::endian::native == std::endian::little, "the arrays are little-endian, and are written from memory");

namespace {

// Version 1.0: magic, length of the text, and a Python dict padded so that the data start at a multiple of 64.
std::string npy_head(const std::string& type, const std::vector<int64_t>& shape) {
  constexpr size_t kBefore = 10, kAlignment = 64;
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", type,
                                 fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
  text.append(kAlignment - 1 - (kBefore + text.size()) % kAlignment, ' ');
  text += '\n';
  std::string head("\x93NUMPY\x01\x00", 8);
  head += static_cast<char>(text.size() & 255);
  head += static_cast<char>(text.size() >> 8);
  return head + text;
}

}  // namespace

void NpzWriter::add(const std::string& name, const std::string& type, size_t item_bytes,
                    const std::vector<int64_t>& shape, std::span<const std::byte> data) {
  size_t bytes = item_bytes;
  for (const int64_t size : shape) bytes *= static_cast<size_t>(size);
  if (bytes != data.size())
    throw std::invalid_argument(
        fmt::format("[npz] {}: shape ({}) wants {} bytes, got {}", name, fmt::join(shape, ", "), bytes, data.size()));
  const std::string head = npy_head(type, shape);
  const std::array pieces{std::as_bytes(std::span(head)), data};
  zip_.add(name + ".npy", pieces);
}

void NpzWriter::add(const std::string& name, const std::vector<int64_t>& shape, std::span<const float> values) {
  add(name, "<f4", sizeof(float), shape, std::as_bytes(values));
}

void NpzWriter::add(const std::string& name, const std::vector<int64_t>& shape, std::span<const int32_t> values) {
  add(name, "<i4", sizeof(int32_t), shape, std::as_bytes(values));
}

void NpzWriter::add(const std::string& name, const std::vector<std::string>& texts) {
  size_t longest = 1;
  for (const std::string& text : texts) longest = std::max(longest, text.size());
  std::string padded;
  for (const std::string& text : texts) padded += text + std::string(longest - text.size(), '\0');
  add(name, fmt::format("|S{}", longest), longest, {static_cast<int64_t>(texts.size())},
      std::as_bytes(std::span(padded)));
}

}  // namespace avsr::io
