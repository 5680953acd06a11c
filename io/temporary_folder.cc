#include "io/temporary_folder.h"

#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace avsr::io {

TemporaryFolder::TemporaryFolder() : path_((std::filesystem::temp_directory_path() / "avsr-XXXXXX").string()) {
  if (!mkdtemp(path_.data()))
    throw std::runtime_error(path_ + ": cannot make a temporary folder: " + std::strerror(errno));
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace avsr::io
