// The bookkeeping of `prepare`: which clips go into which shard, and which shards a stopped run has finished.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "data_scripts/sources.h"
#include "pipeline/data/quality_report.h"

namespace avsr::pipeline {

// At most `limit` sources of each split, evenly spread; all where limit is 0. Sorted sources stay sorted.
std::vector<data_scripts::Source> limited(const std::vector<data_scripts::Source>& sources, int limit);

// A stretch of the sorted sources that is packed as one: `most` clips of one split at most.
struct Part {
  std::string prefix, split;  // of its shards
  size_t first = 0, count = 0;
};
std::vector<Part> parts_of(const std::vector<data_scripts::Source>& sources, size_t most);

// What is known of a finished part.
struct FinishedPart {
  std::vector<QualityRow> rows;
  std::vector<std::string> shards;  // file names
  uint64_t hash = 0;
  int64_t clips = 0, samples = 0;
};

// The folder that `prepare` writes to: see Note [Prepared folder].
class PreparedFolder {
 public:
  explicit PreparedFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Remembers the plan, or compares it with the one that the folder was begun with, unless that one has packed nothing
  // yet ("face_model" only where both have it); removes what a stopped run left behind. Throws std::runtime_error
  // naming both sides for another plan, or for a dataset.json without one.
  void begin(const nlohmann::json& plan);
  bool has_dataset() const;     // a readable one
  void remove_dataset() const;  // a folder that has one lacks nothing
  // Nothing unless the part is recorded and its shards are there, as long as they were.
  std::optional<FinishedPart> finished(const Part& part) const;
  void record(const Part& part, const FinishedPart& finished) const;
  void write_dataset(const nlohmann::json& dataset) const;

 private:
  std::filesystem::path part_file(const Part& part) const;
  std::vector<uint64_t> shard_bytes(const FinishedPart& part) const;
  std::filesystem::path folder_;
};

}  // namespace avsr::pipeline
