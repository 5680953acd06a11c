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

std::string data_text(const TestedSplit& split) {
  return fmt::format("Split {}, data hash {}, seed {}.", split.data.at("split").get<std::string>(),
                     split.data.at("hash").get<std::string>(), split.data.at("seed").get<uint64_t>());
}

}  // namespace avsr::pipeline
