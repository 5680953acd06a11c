// Zip archives, with libarchive: reading the wanted members of one that lies in memory, and writing one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace avsr::io {

using ZipMembers = std::map<std::string, std::vector<uint8_t>>;

// The members of the archive whose names `wanted` takes. The archive must not be denser than its contents: together
// they may have at most as many bytes as the archive, which holds for all that is stored without compression. Throws
// std::runtime_error (without the file's name) on a damaged archive, a member that stands twice, and one that is too
// large.
ZipMembers read_zip(std::span<const uint8_t> archive, const std::function<bool(const std::string&)>& wanted);

// Writes a zip of members stored as they are (readers may then map them), with sizes beyond 4 GB where needed. The file
// appears whole or not at all.
class ZipWriter {
 public:
  explicit ZipWriter(const std::string& path);
  ~ZipWriter();  // without finish() nothing is left behind
  ZipWriter(const ZipWriter&) = delete;
  ZipWriter& operator=(const ZipWriter&) = delete;

  // Throws std::runtime_error naming the file.
  void add(const std::string& name, std::span<const std::span<const std::byte>> pieces);
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace avsr::io
