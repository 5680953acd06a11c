// Files that appear whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace avsr::io {

// A unique temporary name in the folder of `path`, and what happens to it: commit() flushes it to disk and renames it
// to `path`; the destructor removes it if it was never committed. For writers that need a file name (FFmpeg,
// libarchive).
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);  // creates the folder where needed; throws std::runtime_error
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  const std::string& temporary_path() const { return temporary_; }
  void commit();

 private:
  std::string path_, temporary_;
  bool committed_ = false;
};

// Removes the temporary files that processes which are no more have left in the folder, if there is one. Not for a
// folder into which another machine writes at the same time: its processes are not seen.
void remove_abandoned_temporaries(const std::string& folder);

// Temporary name, write, fsync, rename. A full disk or a missing permission throws std::runtime_error naming the file;
// the old file, if any, is then untouched. Folders are created.
void write_file_atomically(const std::string& path, std::string_view text);
void write_file_atomically(const std::string& path, std::span<const uint8_t> bytes);
void write_file_atomically(const std::string& path, std::span<const std::span<const std::byte>> pieces);  // in order

// Creates the folder where needed. Throws std::runtime_error naming it where it is a file or nothing can be written
// into it, so that a command can say so before it computes what would go there.
void require_output_folder(const std::string& folder);

std::string read_text_file(const std::string& path);
std::vector<uint8_t> read_binary_file(const std::string& path);

}  // namespace avsr::io
