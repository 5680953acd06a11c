// A folder for files that nobody keeps.
#pragma once

#include <string>

namespace avsr::io {

// A new empty folder under the system's temporary folder (TMPDIR), removed with all it holds at the end. The
// constructor throws std::runtime_error naming it where it cannot be made.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace avsr::io
