// NumPy's .npz: named arrays in one file, written one after the other.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/zip_file.h"

namespace avsr::io {

class NpzWriter {
 public:
  explicit NpzWriter(const std::string& path) : zip_(path) {}  // the file appears with finish()

  // Row-major. Throws std::invalid_argument when shape and values disagree, std::runtime_error naming the file.
  void add(const std::string& name, const std::vector<int64_t>& shape, std::span<const float> values);
  void add(const std::string& name, const std::vector<int64_t>& shape, std::span<const int32_t> values);
  // (N) texts, as bytes of UTF-8 padded to the longest (NumPy's dtype S): in Python, array.astype(str) or .decode().
  void add(const std::string& name, const std::vector<std::string>& texts);
  void finish() { zip_.finish(); }

 private:
  void add(const std::string& name, const std::string& type, size_t item_bytes, const std::vector<int64_t>& shape,
           std::span<const std::byte> data);
  ZipWriter zip_;
};

}  // namespace avsr::io
