// How much memory decoded clips may fill: one budget for all datasets of a program.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>

namespace avsr::pipeline {

// Bytes for clips that are kept decoded. Thread-safe.
class CacheBudget {
 public:
  explicit CacheBudget(uint64_t bytes) : left_(bytes) {}
  bool take(uint64_t bytes);  // false, and nothing taken: so much is not left
  void give_back(uint64_t bytes);
  uint64_t left() const;

 private:
  mutable std::mutex mutex_;
  uint64_t left_;
};

// A budget of this many GB (10^9 bytes); 0: half of the memory that this process may use. `sharers` processes of this
// machine divide it. Throws std::invalid_argument on a negative number.
std::shared_ptr<CacheBudget> make_cache_budget(double gigabytes = 0, int sharers = 1);

// Bytes that this process may use: the machine's memory, or less where a control group sets a limit (in a container).
uint64_t usable_memory();
// The lowest memory limit, in bytes, of the control groups that `membership` (/proc/self/cgroup) names and of those
// above them, under `root` (/sys/fs/cgroup); the largest number when there is none.
uint64_t cgroup_memory_limit(const std::filesystem::path& membership, const std::filesystem::path& root);

}  // namespace avsr::pipeline
