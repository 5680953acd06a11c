// The rules of docs/architecture.md on who may include whom, read from every #include of a source tree.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace avsr::tests {

// Returns one line for each include below `root` that the house forbids ("io/a.h:3: …"), sorted; empty where all is
// well. Reads the files *.h, *.cc, *.cu and *.cuh of the folders that the rules name; throws std::runtime_error where
// it finds none.
std::vector<std::string> forbidden_includes(const std::filesystem::path& root);

}  // namespace avsr::tests
