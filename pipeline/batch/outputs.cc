#include "pipeline/batch/outputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <set>

namespace avsr::pipeline {
namespace {

namespace fs = std::filesystem;

std::string without_ending(const std::string& relative) { return fs::path(relative).replace_extension().string(); }

}  // namespace

std::vector<std::string> output_stems(const std::vector<InputFile>& files, const std::vector<std::string>& taken) {
  const std::vector<std::function<std::string(const InputFile&)>> rules{
      [](const InputFile& file) { return without_ending(file.relative); },
      [](const InputFile& file) { return file.relative; },
      [](const InputFile& file) { return (fs::path(file.root) / file.relative).string(); }};
  std::vector<std::string> stems(files.size());
  std::set<std::string> used(taken.begin(), taken.end());
  std::vector<size_t> open(files.size());
  for (size_t i = 0; i < open.size(); ++i) open[i] = i;
  for (const auto& rule : rules) {
    std::map<std::string, std::vector<size_t>> wanted;
    for (const size_t i : open) wanted[rule(files[i])].push_back(i);
    open.clear();
    for (const auto& [stem, who] : wanted) {
      if (who.size() > 1 || !used.insert(stem).second)
        open.insert(open.end(), who.begin(), who.end());
      else
        stems[who[0]] = stem;
    }
  }
  std::sort(open.begin(), open.end(), [&](size_t a, size_t b) { return files[a].path < files[b].path; });
  for (const size_t i : open) {
    const std::string stem = rules.back()(files[i]);
    for (int n = 2; stems[i].empty(); ++n)
      if (std::string numbered = fmt::format("{}-{}", stem, n); used.insert(numbered).second) stems[i] = numbered;
  }
  return stems;
}

}  // namespace avsr::pipeline
