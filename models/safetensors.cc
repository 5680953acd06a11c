#include "models/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <deque>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "io/atomic_file.h"
#include "io/checksum.h"

namespace avsr::models {

using backend::Shape;
using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "safetensors is little-endian, and is written from memory");

namespace {

constexpr const char* kChecksumKey = "crc32";
constexpr uint64_t kLargestHeader = 100'000'000;  // the format's own limit

struct Header {
  json tensors;
  std::map<std::string, std::string> metadata;
  uint64_t data_start = 0, file_bytes = 0;
};

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what) {
  throw DamagedFile(fmt::format("{}: not a usable safetensors file: {}", path.string(), what));
}

Header read_header(const std::filesystem::path& path, std::ifstream& in) {
  if (!in) throw std::runtime_error(fmt::format("{}: cannot be opened: {}", path.string(), std::strerror(errno)));
  Header header;
  std::error_code error;
  header.file_bytes = std::filesystem::file_size(path, error);
  if (error) fail(path, error.message());
  uint64_t length = 0;
  if (!in.read(reinterpret_cast<char*>(&length), sizeof length)) fail(path, "it is shorter than 8 bytes");
  if (length > kLargestHeader || length + sizeof length > header.file_bytes)
    fail(path, fmt::format("its header claims {} bytes of {}", length, header.file_bytes));
  std::string text(length, '\0');
  in.read(text.data(), static_cast<std::streamsize>(length));
  header.data_start = sizeof length + length;
  try {
    header.tensors = json::parse(text);
    if (header.tensors.contains("__metadata__")) {
      header.metadata = header.tensors["__metadata__"].get<std::map<std::string, std::string>>();
      header.tensors.erase("__metadata__");
    }
  } catch (const json::exception& e) {
    fail(path, e.what());
  }
  return header;
}

// Two tensors on the same bytes: the header is damaged or was made by hand.
void require_apart(const std::filesystem::path& path, const json& tensors) {
  struct Extent {
    uint64_t first, last;
    std::string name;
  };
  std::vector<Extent> extents;
  for (const auto& [name, entry] : tensors.items()) {
    const auto [first, last] = entry.at("data_offsets").get<std::array<uint64_t, 2>>();
    if (last > first) extents.push_back({first, last, name});
  }
  std::sort(extents.begin(), extents.end(), [](const Extent& a, const Extent& b) { return a.first < b.first; });
  for (size_t i = 1; i < extents.size(); ++i)
    if (extents[i].first < extents[i - 1].last)
      fail(path, fmt::format("tensors {} and {} lie on the same bytes", extents[i - 1].name, extents[i].name));
}

template <typename Element>
void read_values(std::ifstream& in, uint64_t count, std::vector<float>& values) {
  std::vector<Element> found(count);
  in.read(reinterpret_cast<char*>(found.data()), static_cast<std::streamsize>(count * sizeof(Element)));
  values.assign(found.begin(), found.end());
}

HostTensor read_tensor(const std::filesystem::path& path, std::ifstream& in, const Header& header,
                       const std::string& name, const json& entry) {
  HostTensor t{.name = name, .shape = Shape(entry.at("shape").get<std::vector<int64_t>>()), .values = {}};
  const auto [first, last] = entry.at("data_offsets").get<std::array<uint64_t, 2>>();
  const std::string type = entry.at("dtype").get<std::string>();
  const size_t size_of = type == "F32" ? sizeof(float) : type == "F64" ? sizeof(double) : type == "I8" ? 1 : 0;
  if (size_of == 0) fail(path, fmt::format("tensor {} is {}, expected F32, F64 or I8", name, type));
  const uint64_t data_bytes = header.file_bytes - header.data_start;
  uint64_t count = 1;
  for (int64_t size : t.shape.sizes()) {
    // No tensor has more numbers than the file has bytes, so that the product cannot overflow.
    if (size < 0 || (size > 0 && count > data_bytes / static_cast<uint64_t>(size)))
      fail(path, fmt::format("tensor {} has shape {}, and the file {} bytes of data; cut short?", name, t.shape.text(),
                             data_bytes));
    count *= static_cast<uint64_t>(size);
  }
  const uint64_t bytes = count * size_of;
  if (last < first || last - first != bytes || last > data_bytes)
    fail(path, fmt::format("tensor {} {} wants {} bytes at {} of {} bytes of data, the header gives it {}; cut short?",
                           name, t.shape.text(), bytes, first, data_bytes, last - first));
  in.seekg(static_cast<std::streamoff>(header.data_start + first));
  if (type == "F32")
    read_values<float>(in, count, t.values);
  else if (type == "F64")
    read_values<double>(in, count, t.values);
  else
    read_values<int8_t>(in, count, t.values);
  if (type == "I8") t.element = HostTensor::Element::int8;
  if (!in) fail(path, fmt::format("tensor {} cannot be read", name));
  return t;
}

// A tensor of whole numbers as it lies in the file.
std::vector<int8_t> bytes_of(const HostTensor& t) {
  std::vector<int8_t> bytes;
  bytes.reserve(t.values.size());
  for (const float value : t.values) {
    if (!(value >= -128 && value <= 127) || value != std::round(value))
      throw std::invalid_argument(
          fmt::format("[safetensors] tensor {}: {} is no whole number of 8 bits", t.name, value));
    bytes.push_back(static_cast<int8_t>(value));
  }
  return bytes;
}

// Of the metadata and of each tensor's name, shape and values, in the order of the names; the sum itself left out.
std::string checksum_of(const SafetensorsFile& file) {
  std::vector<const HostTensor*> sorted;
  for (const HostTensor& t : file.tensors) sorted.push_back(&t);
  std::sort(sorted.begin(), sorted.end(), [](const HostTensor* a, const HostTensor* b) { return a->name < b->name; });
  std::deque<std::string> texts;  // pieces point to them
  std::deque<std::vector<int8_t>> numbers;
  std::vector<std::span<const std::byte>> pieces;
  const auto add = [&](const std::string& text) {
    pieces.push_back(std::as_bytes(std::span(texts.emplace_back(text))));
  };
  for (const auto& [key, value] : file.metadata)
    if (key != kChecksumKey) add(key + "=" + value + "\n");
  for (const HostTensor* t : sorted) {
    add(t->name + t->shape.text());
    pieces.push_back(t->element == HostTensor::Element::int8
                         ? std::as_bytes(std::span(numbers.emplace_back(bytes_of(*t))))
                         : std::as_bytes(std::span(t->values)));
  }
  return fmt::format("{:08x}", io::crc32(pieces));
}

// Files that others wrote have none.
void check_checksum(const std::filesystem::path& path, const SafetensorsFile& file) {
  const auto stored = file.metadata.find(kChecksumKey);
  if (stored == file.metadata.end()) return;
  if (const std::string sum = checksum_of(file); sum != stored->second)
    fail(path,
         fmt::format("its bytes have changed since it was written: checksum {}, expected {}", sum, stored->second));
}

}  // namespace

const HostTensor* SafetensorsFile::find(const std::string& name) const {
  for (const HostTensor& t : tensors)
    if (t.name == name) return &t;
  return nullptr;
}

void write_safetensors(const std::filesystem::path& path, const SafetensorsFile& file) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::map<std::string, std::string> metadata = file.metadata;
  metadata[kChecksumKey] = checksum_of(file);
  header["__metadata__"] = metadata;
  uint64_t next = 0;
  for (const HostTensor& t : file.tensors) {
    if (static_cast<size_t>(t.shape.count()) != t.values.size())
      throw std::invalid_argument(
          fmt::format("[safetensors] tensor {} {} has {} values", t.name, t.shape.text(), t.values.size()));
    const bool narrow = t.element == HostTensor::Element::int8;
    const uint64_t bytes = t.values.size() * (narrow ? 1 : sizeof(float));
    header[t.name] = {
        {"dtype", narrow ? "I8" : "F32"}, {"shape", t.shape.sizes()}, {"data_offsets", {next, next + bytes}}};
    next += bytes;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // aligned data, as the format's own writer does
  const uint64_t length = text.size();
  std::vector<std::span<const std::byte>> pieces{std::as_bytes(std::span(&length, 1)), std::as_bytes(std::span(text))};
  std::deque<std::vector<int8_t>> narrow;  // pieces point to them
  for (const HostTensor& t : file.tensors)
    pieces.push_back(t.element == HostTensor::Element::int8 ? std::as_bytes(std::span(narrow.emplace_back(bytes_of(t))))
                                                            : std::as_bytes(std::span(t.values)));
  io::write_file_atomically(path.string(), pieces);
}

SafetensorsFile read_safetensors(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const Header header = read_header(path, in);
  SafetensorsFile file;
  file.metadata = header.metadata;
  try {
    require_apart(path, header.tensors);
    for (const auto& [name, entry] : header.tensors.items())
      file.tensors.push_back(read_tensor(path, in, header, name, entry));
  } catch (const json::exception& e) {
    fail(path, e.what());
  }
  check_checksum(path, file);
  return file;
}

std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return read_header(path, in).metadata;
}

}  // namespace avsr::models
