// The safetensors container: named float tensors and string metadata in one file, readable from Python.
//
// Layout: 8 bytes little-endian header length, a JSON header, then the tensors' bytes without gaps.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "models/backend/tensor.h"

namespace avsr::models {

// The file is there and can be read, but is not (or no longer) what it should be.
class DamagedFile : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct HostTensor {
  enum class Element : uint8_t { f32, int8 };
  std::string name;
  backend::Shape shape;
  std::vector<float> values;       // row-major
  Element element = Element::f32;  // in the file; int8: every value is a whole number from -128 to 127
};

struct SafetensorsFile {
  std::map<std::string, std::string> metadata;
  std::vector<HostTensor> tensors;

  const HostTensor* find(const std::string& name) const;  // null when absent
};

// Atomic: written beside the target, flushed to disk, renamed. Adds a checksum to the metadata ("crc32", of metadata,
// names, shapes and values). Throws std::runtime_error naming the file, std::invalid_argument when a value does not fit
// its element.
void write_safetensors(const std::filesystem::path& path, const SafetensorsFile& file);

// F32, F64 and I8 tensors (all become float). Throws std::runtime_error naming the file when it is absent, DamagedFile
// when it is cut short, not this format, of another element type, has tensors that share bytes, or a checksum that its
// bytes do not have.
SafetensorsFile read_safetensors(const std::filesystem::path& path);
std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& path);  // the header alone

}  // namespace avsr::models
