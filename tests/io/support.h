// Small things that the tests of this folder share: bytes, errors, and the ffmpeg program where there is one.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "io/atomic_file.h"
#include "io/temporary_folder.h"

namespace avsr::io {

inline bool have_program(const std::string& name) {
  return std::system(("command -v " + name + " >/dev/null 2>&1").c_str()) == 0;
}

// Runs the ffmpeg program; false when it fails (an encoder that this build lacks, …).
inline bool run_ffmpeg(const std::string& arguments) {
  return std::system(("timeout 60 ffmpeg -nostdin -v error -y " + arguments + " >/dev/null 2>&1").c_str()) == 0;
}

inline void write_bytes(const std::string& path, const std::vector<uint8_t>& bytes) {
  write_file_atomically(path, std::span<const uint8_t>(bytes));
}

// The text of the exception that `call` throws; fails the test when it throws none.
template <typename Exception, typename Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const Exception& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

}  // namespace avsr::io
