// What the tests of this folder share.
#pragma once

#include <exception>
#include <string>

#include "io/program.h"
#include "io/temporary_folder.h"
#include "tests/small_files.h"

namespace avsr::data_scripts {

using io::TemporaryFolder;
using tests::failure_of;
using tests::put;

inline bool program_exists(const std::string& name) {
  try {
    io::run_program({"sh", "-c", "command -v " + name});
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace avsr::data_scripts
