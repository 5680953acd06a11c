// What tests of several folders share: small files on disk, and the texts of errors.
#pragma once

#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

namespace avsr::tests {

// Creates the folder where needed.
inline void put(const std::filesystem::path& path, const std::string& text) {
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

// The text of the exception that action throws; empty when it throws none.
inline std::string failure_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

}  // namespace avsr::tests
