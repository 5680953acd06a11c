// What is wrong with single entries of a corpus: thrown, or collected for a report.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace avsr::data_scripts {

using Problems = std::vector<std::string>;

// Runs add(). Its std::runtime_error is thrown on, or, where `problems` is given, added to them.
template <typename Add>
void add_or_note(Problems* problems, Add&& add) {
  try {
    std::forward<Add>(add)();
  } catch (const std::runtime_error& error) {
    if (!problems) throw;
    problems->emplace_back(error.what());
  }
}

}  // namespace avsr::data_scripts
