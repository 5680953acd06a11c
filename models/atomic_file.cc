#include "models/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace avsr::models {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const char* what) {
  throw std::runtime_error(fmt::format("{}: {}: {}", path.string(), what, std::strerror(errno)));
}

// A file descriptor whose file is removed unless it was renamed.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::filesystem::path& target)
      : path_(target.string() + fmt::format(".{}.tmp", ::getpid())),
        descriptor_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0) fail(path_, "cannot be created");
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!renamed_) ::unlink(path_.c_str());
  }

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail(path_, "cannot be written");
      bytes = bytes.subspan(static_cast<size_t>(n));
    }
  }
  void rename_to(const std::filesystem::path& target) {
    if (::fsync(descriptor_) != 0) fail(path_, "cannot be flushed to disk");
    const int result = ::close(descriptor_);
    descriptor_ = -1;
    if (result != 0) fail(path_, "cannot be closed");
    if (::rename(path_.c_str(), target.c_str()) != 0) fail(target, "cannot be replaced");
    renamed_ = true;
  }

 private:
  std::filesystem::path path_;
  int descriptor_;
  bool renamed_ = false;
};

}  // namespace

void write_atomically(const std::filesystem::path& path, const std::function<void(const ByteSink&)>& write) {
  if (path.has_parent_path()) {
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (error)
      throw std::runtime_error(fmt::format("{}: cannot be made: {}", path.parent_path().string(), error.message()));
  }
  TemporaryFile file(path);
  write([&](std::span<const std::byte> bytes) { file.write(bytes); });
  file.rename_to(path);
}

}  // namespace avsr::models
