#include "pipeline/batch/shard.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <regex>
#include <stdexcept>

#include "pipeline/ranks.h"

namespace avsr::pipeline {
namespace {

// FNV-1a, 64 bits, and a last mixing (Steele, Lea and Flood 2014): its low bits alone would follow the last letters.
uint64_t hash_of(const std::string& text) {
  uint64_t hash = 14695981039346656037ull;
  for (const unsigned char c : text) hash = (hash ^ c) * 1099511628211ull;
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9ull;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebull;
  return hash ^ (hash >> 31);
}

// The first of these variables that is set.
int number_in(std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const char* text = std::getenv(name)) return std::atoi(text);
  return 0;
}

}  // namespace

bool Shard::holds(const std::string& relative) const {
  return hash_of(relative) % static_cast<uint64_t>(of) == static_cast<uint64_t>(index - 1);
}

std::string Shard::text() const { return fmt::format("{}/{}", index, of); }

std::string Shard::suffix() const { return of == 1 ? "" : fmt::format("-{}-of-{}", index, of); }

Shard parse_shard(const std::string& text) {
  static const std::regex form("([0-9]{1,6})/([0-9]{1,6})");
  std::smatch match;
  Shard shard;
  const bool fits = std::regex_match(text, match, form);
  if (fits) shard = {std::stoi(match[1]), std::stoi(match[2])};
  if (!fits || shard.index < 1 || shard.index > shard.of)
    throw std::invalid_argument(fmt::format("--shard: expected i/n with i from 1 to n, such as 2/4, got '{}'", text));
  return shard;
}

Shard launched_shard() {
  const int tasks = started_tasks();
  if (tasks <= 1) return {};
  const int rank = number_in({"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"});
  if (rank < 0 || rank >= tasks)
    throw std::runtime_error(
        fmt::format("[shard] {} tasks were started together, and this one's number is {}: expected "
                    "0 to {}; name the share with --shard",
                    tasks, rank, tasks - 1));
  return {rank + 1, tasks};
}

int launched_local_rank() { return number_in({"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"}); }

Shard divided(const Shard& outer, const Shard& inner) {
  return {(outer.index - 1) * inner.of + inner.index, outer.of * inner.of};
}

}  // namespace avsr::pipeline
