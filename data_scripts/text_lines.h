// Reading small text files line by line, and complaining about a line.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace avsr::data_scripts {

struct TextLine {
  int number = 0;  // from 1
  std::string text;
};

// Lines without their ends (\n or \r\n) and without a byte order mark. Throws std::runtime_error naming the file.
std::vector<TextLine> read_lines(const std::filesystem::path& path);
std::vector<TextLine> split_lines(const std::string& text);

// `FILE:LINE: expected …, found …`
[[noreturn]] void fail_at(const std::filesystem::path& file, int line, const std::string& expected,
                          const std::string& found);

std::string trimmed(const std::string& text);

// The whole of text as a finite number; fails at the line otherwise. what: e.g. "a time in seconds".
double number_at(const std::filesystem::path& file, int line, const std::string& what, const std::string& text);

}  // namespace avsr::data_scripts
