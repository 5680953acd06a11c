// Small files for the tests of this folder.
#pragma once

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "io/program.h"
#include "io/temporary_folder.h"

namespace avsr::data_scripts {

using io::TemporaryFolder;

inline void put(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
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

inline bool program_exists(const std::string& name) {
  try {
    io::run_program({"sh", "-c", "command -v " + name});
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace avsr::data_scripts
