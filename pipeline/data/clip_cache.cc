#include "pipeline/data/clip_cache.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>

namespace avsr::pipeline {
namespace {

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

// "max" and what cannot be read is no limit.
uint64_t read_limit(const std::filesystem::path& file) {
  std::ifstream in(file);
  uint64_t limit = 0;
  return in >> limit ? limit : kNoLimit;
}

}  // namespace

bool CacheBudget::take(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > left_) return false;
  left_ -= bytes;
  return true;
}

void CacheBudget::give_back(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  left_ += bytes;
}

uint64_t CacheBudget::left() const {
  const std::lock_guard lock(mutex_);
  return left_;
}

std::shared_ptr<CacheBudget> make_cache_budget(double gigabytes, int sharers) {
  if (!(gigabytes >= 0 && gigabytes < 1e9))
    throw std::invalid_argument(fmt::format("--cache-gb: expected a number of GB, got {}", gigabytes));
  const uint64_t bytes = gigabytes > 0 ? static_cast<uint64_t>(gigabytes * 1e9) : usable_memory() / 2;
  return std::make_shared<CacheBudget>(bytes / static_cast<uint64_t>(sharers));
}

uint64_t usable_memory() {
  const uint64_t machine =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return std::min(machine, cgroup_memory_limit("/proc/self/cgroup", "/sys/fs/cgroup"));
}

uint64_t cgroup_memory_limit(const std::filesystem::path& membership, const std::filesystem::path& root) {
  uint64_t lowest = kNoLimit;
  std::ifstream groups(membership);
  // A line is "number:controllers:/path": no controllers in version 2, "memory" and perhaps more in version 1.
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = fmt::format(",{},", line.substr(first + 1, second - first - 1));
    const bool version_2 = controllers == ",,";
    if (!version_2 && controllers.find(",memory,") == std::string::npos) continue;
    const std::filesystem::path top = version_2 ? root : root / "memory";
    // Inside a container the path may be the host's and the limit stand at the top: every folder on the way counts.
    std::filesystem::path group = std::filesystem::path(line.substr(second + 1)).relative_path();
    for (;; group = group.parent_path()) {
      lowest = std::min(lowest, read_limit(top / group / (version_2 ? "memory.max" : "memory.limit_in_bytes")));
      if (group.empty()) break;
    }
  }
  return lowest;
}

}  // namespace avsr::pipeline
