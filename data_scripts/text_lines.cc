#include "data_scripts/text_lines.h"

#include <fmt/format.h>

#include <cmath>
#include <sstream>

#include "io/atomic_file.h"

namespace avsr::data_scripts {

std::vector<TextLine> split_lines(const std::string& text) {
  std::vector<TextLine> lines;
  std::istringstream stream(text.rfind("\xEF\xBB\xBF", 0) == 0 ? text.substr(3) : text);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    lines.push_back({static_cast<int>(lines.size()) + 1, line});
  }
  return lines;
}

std::vector<TextLine> read_lines(const std::filesystem::path& path) {
  return split_lines(io::read_text_file(path.string()));
}

void fail_at(const std::filesystem::path& file, int line, const std::string& expected, const std::string& found) {
  throw std::runtime_error(fmt::format("{}:{}: expected {}, found {}", file.string(), line, expected, found));
}

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

double number_at(const std::filesystem::path& file, int line, const std::string& what, const std::string& text) {
  size_t used = 0;
  double value = 0;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used == 0 || used != text.size() || !std::isfinite(value)) fail_at(file, line, what, fmt::format("'{}'", text));
  return value;
}

}  // namespace avsr::data_scripts
