#include "io/atomic_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <utility>

namespace avsr::io {

namespace {

[[noreturn]] void fail(const std::string& path, const char* what, int error) {
  throw std::runtime_error(path + ": cannot " + what + ": " + std::strerror(error));
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

void flush_to_disk(const std::string& file, const std::string& name_in_error, int flags) {
  Descriptor descriptor{open(file.c_str(), flags | O_CLOEXEC)};
  if (descriptor.fd < 0) fail(name_in_error, "open to flush", errno);
  // Some file systems cannot flush a folder (EINVAL); the rename has happened all the same.
  if (fsync(descriptor.fd) != 0 && errno != EINVAL && errno != ENOTSUP) fail(name_in_error, "flush to disk", errno);
}

void write_all(int fd, const char* data, size_t size, const std::string& path) {
  while (size > 0) {
    const ssize_t written = write(fd, data, size);
    if (written < 0) {
      if (errno == EINTR) continue;
      fail(path, "write", errno);
    }
    data += written;
    size -= static_cast<size_t>(written);
  }
}

void write_pieces(const std::string& path, std::span<const std::span<const std::byte>> pieces) {
  AtomicFile file(path);
  {
    Descriptor descriptor{open(file.temporary_path().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    if (descriptor.fd < 0) fail(path, "create", errno);
    for (const auto& piece : pieces)
      write_all(descriptor.fd, reinterpret_cast<const char*>(piece.data()), piece.size(), path);
  }
  file.commit();
}

template <typename Bytes>
Bytes read_all(const std::string& path) {
  Descriptor descriptor{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (descriptor.fd < 0) fail(path, "open", errno);
  struct stat status{};
  if (fstat(descriptor.fd, &status) != 0) fail(path, "read", errno);
  if (S_ISDIR(status.st_mode)) fail(path, "read", EISDIR);
  Bytes bytes;
  size_t used = 0;
  while (true) {  // not by st_size: it is 0 for pipes and /proc
    if (used == bytes.size()) bytes.resize(used + std::max<size_t>(65536, static_cast<size_t>(status.st_size) + 1));
    const ssize_t got = read(descriptor.fd, bytes.data() + used, bytes.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path, "read", errno);
    if (got == 0) break;
    used += static_cast<size_t>(got);
  }
  bytes.resize(used);
  return bytes;
}

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  static std::atomic<unsigned> counter{0};
  if (path_.empty()) throw std::invalid_argument("cannot write a file without a name");
  const std::filesystem::path target(path_);
  std::error_code error;
  if (target.has_parent_path()) std::filesystem::create_directories(target.parent_path(), error);
  if (error) throw std::runtime_error(path_ + ": cannot create its folder: " + error.message());
  if (std::filesystem::is_directory(target, error)) fail(path_, "write", EISDIR);
  // The ending stays last: FFmpeg and others look at it.
  const std::string name =
      ".tmp-" + std::to_string(getpid()) + "-" + std::to_string(counter++) + "-" + target.filename().string();
  temporary_ = (target.parent_path() / name).string();
}

void remove_abandoned_temporaries(const std::string& folder) {
  std::error_code error;
  std::vector<std::filesystem::path> abandoned;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    int process = 0;
    if (std::sscanf(entry.path().filename().c_str(), ".tmp-%d-", &process) != 1 || process < 1) continue;
    if (kill(process, 0) != 0 && errno == ESRCH) abandoned.push_back(entry.path());
  }
  for (const std::filesystem::path& path : abandoned) std::filesystem::remove(path, error);
}

AtomicFile::~AtomicFile() {
  if (!committed_) unlink(temporary_.c_str());
}

void AtomicFile::commit() {
  flush_to_disk(temporary_, path_, O_RDONLY);
  if (rename(temporary_.c_str(), path_.c_str()) != 0) fail(path_, "rename the finished file", errno);
  committed_ = true;
  const std::string folder = std::filesystem::path(path_).parent_path().string();
  flush_to_disk(folder.empty() ? "." : folder, path_, O_RDONLY | O_DIRECTORY);
}

void write_file_atomically(const std::string& path, std::string_view text) {
  const std::span<const std::byte> piece = std::as_bytes(std::span(text));
  write_pieces(path, {&piece, 1});
}

void write_file_atomically(const std::string& path, std::span<const uint8_t> bytes) {
  const std::span<const std::byte> piece = std::as_bytes(bytes);
  write_pieces(path, {&piece, 1});
}

void write_file_atomically(const std::string& path, std::span<const std::span<const std::byte>> pieces) {
  write_pieces(path, pieces);
}

void require_output_folder(const std::string& folder) {
  if (folder.empty()) throw std::runtime_error("expected a folder for the results, found an empty name");
  std::error_code error;
  if (std::filesystem::exists(folder, error) && !std::filesystem::is_directory(folder, error))
    throw std::runtime_error(folder + ": expected a folder for the results, found a file; name another one");
  std::filesystem::create_directories(folder, error);
  if (error) throw std::runtime_error(folder + ": cannot create this folder: " + error.message());
  const AtomicFile probe((std::filesystem::path(folder) / "probe").string());  // not access(): it says yes to root
  const Descriptor descriptor{open(probe.temporary_path().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666)};
  if (descriptor.fd < 0) fail(folder, "write into this folder", errno);
}

std::string read_text_file(const std::string& path) { return read_all<std::string>(path); }

std::vector<uint8_t> read_binary_file(const std::string& path) { return read_all<std::vector<uint8_t>>(path); }

}  // namespace avsr::io
