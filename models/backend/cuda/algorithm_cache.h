// Which of a library's algorithms was the fastest, measured once on each device and kept on disk.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace avsr::backend::cuda {

struct Algorithm {
  int number = 0, math = 0;
  bool operator==(const Algorithm&) const = default;
};

class AlgorithmCache {
 public:
  // A file that is absent, damaged or cannot be read is an empty cache. An empty path keeps nothing on disk.
  explicit AlgorithmCache(std::filesystem::path file);

  std::optional<Algorithm> find(const std::string& key) const;
  // Keys have no line breaks and no tabs. A disk that cannot be written costs only the next start's time.
  void add(const std::string& key, const Algorithm& algorithm);

 private:
  std::filesystem::path file_;
  std::map<std::string, Algorithm> known_;
};

// $XDG_CACHE_HOME/avsr/cudnn-algorithms.txt, else under $HOME/.cache; empty where neither is set.
std::filesystem::path algorithm_cache_path();

}  // namespace avsr::backend::cuda
