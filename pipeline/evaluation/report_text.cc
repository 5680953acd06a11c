#include "pipeline/evaluation/report_text.h"

#include <fmt/format.h>

#include <cctype>

namespace avsr::pipeline {

std::string markdown_text(const std::string& name) {
  std::string text;
  for (const char c : name) text += c == '<' ? "&lt;" : c == '|' ? "&#124;" : c == '&' ? "&amp;" : std::string(1, c);
  return text;
}

std::string picture_of(const TestedSplit::Panel& panel, bool first) {
  std::string name = first ? "noise-curve" : "noise-curve-" + panel.title;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '.') c = '-';
  return name + ".svg";
}

std::string table_heading(const std::string& corner, const TestedSplit::Panel& panel, bool markdown, size_t width) {
  std::string heading = markdown ? fmt::format("| {} |", markdown_text(corner)) : fmt::format("{:<{}}", corner, width);
  std::string ruler = "|---|";
  for (const Condition& condition : panel.conditions) {
    heading += markdown ? fmt::format(" {} |", level_name(condition)) : fmt::format("{:>9}", level_name(condition));
    ruler += "---|";
  }
  return markdown ? fmt::format("{}\n{}\n", heading, ruler) : heading + "\n";
}

std::string data_text(const TestedSplit& split) {
  return fmt::format("Split {}, data hash {}, seed {}.", split.data.at("split").get<std::string>(),
                     split.data.at("hash").get<std::string>(), split.data.at("seed").get<uint64_t>());
}

}  // namespace avsr::pipeline
