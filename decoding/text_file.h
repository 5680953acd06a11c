// Small text files, read whole.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace avsr::decoding {

// Throws std::runtime_error naming the file where it cannot be read.
std::string read_text(const std::filesystem::path& file);

// The lines of a text, without their ends (LF or CR LF). Views into it.
std::vector<std::string_view> lines_of(std::string_view text);

// Throws std::runtime_error, "name:line: …", where a line is not UTF-8, and says how to convert.
void require_utf8(std::string_view name, int line, std::string_view text);

// Fields between spaces and tabs: no other white space parts words.
std::vector<std::string_view> fields_of(std::string_view line);

}  // namespace avsr::decoding
