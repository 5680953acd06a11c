#include "models/backend/cuda/algorithm_cache.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace avsr::backend::cuda {

namespace fs = std::filesystem;

AlgorithmCache::AlgorithmCache(fs::path file) : file_(std::move(file)) {
  std::ifstream in(file_);
  for (std::string line; std::getline(in, line);) {
    const size_t tab = line.find('\t');
    if (tab == std::string::npos) continue;
    std::istringstream values(line.substr(tab + 1));
    Algorithm algorithm;
    if (values >> algorithm.number >> algorithm.math) known_[line.substr(0, tab)] = algorithm;
  }
}

std::optional<Algorithm> AlgorithmCache::find(const std::string& key) const {
  const auto found = known_.find(key);
  return found == known_.end() ? std::nullopt : std::optional(found->second);
}

void AlgorithmCache::add(const std::string& key, const Algorithm& algorithm) {
  known_[key] = algorithm;
  if (file_.empty()) return;
  // Another process may have added its own since: both are kept, and a reader never sees half a file.
  for (const auto& [other, its] : AlgorithmCache(file_).known_) known_.try_emplace(other, its);
  std::error_code ignored;
  fs::create_directories(file_.parent_path(), ignored);
  const fs::path temporary = fmt::format("{}.{}", file_.string(), ::getpid());
  {
    std::ofstream out(temporary);
    for (const auto& [name, its] : known_) out << fmt::format("{}\t{} {}\n", name, its.number, its.math);
    out.close();
    if (!out) {
      fs::remove(temporary, ignored);
      return;
    }
  }
  fs::rename(temporary, file_, ignored);
}

fs::path algorithm_cache_path() {
  const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  if (cache && *cache) return fs::path(cache) / "avsr/cudnn-algorithms.txt";
  if (home && *home) return fs::path(home) / ".cache/avsr/cudnn-algorithms.txt";
  return {};
}

}  // namespace avsr::backend::cuda
