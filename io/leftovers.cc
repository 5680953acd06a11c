#include "io/leftovers.h"

#include <cstdio>
#include <filesystem>
#include <vector>

namespace avsr::io {

void remove_leftovers(const std::string& folder, const std::set<std::string>& names) {
  std::error_code error;
  std::vector<std::filesystem::path> leftovers;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    int process = 0, prefix = 0;
    unsigned count = 0;
    if (std::sscanf(name.c_str(), ".tmp-%d-%u-%n", &process, &count, &prefix) == 2 && prefix > 0 &&
        names.contains(name.substr(static_cast<size_t>(prefix))))
      leftovers.push_back(entry->path());
  }
  for (const std::filesystem::path& path : leftovers) std::filesystem::remove(path, error);
}

}  // namespace avsr::io
