// Runs another program and takes what it prints.
#pragma once

#include <string>
#include <vector>

namespace avsr::io {

// Runs arguments[0] (searched in PATH) without a shell and returns what it wrote to stdout; its stderr is discarded.
// Throws std::runtime_error when it cannot be started, is killed, or exits with another code than 0.
std::string run_program(const std::vector<std::string>& arguments);

}  // namespace avsr::io
