// What became of all files of a run, as summary.json tells it.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/batch/failure.h"
#include "pipeline/batch/shard.h"

namespace avsr::pipeline {

struct FileResult {
  std::string file, output;  // output: below the output folder, without ending
  double seconds = 0;        // of the file
  int64_t words = 0;
};

struct Summary {
  std::string state = "running";  // "finished", "interrupted"
  Shard shard;
  nlohmann::json made_with;                       // models and settings
  std::map<std::string, int64_t> ignored;         // files in folders that are no media, by ending
  int64_t files = 0;                              // of this shard
  std::vector<FileResult> good;                   // in any order
  std::vector<Failure> failures;                  // in any order
  int64_t kept = 0;                               // of the good ones, made by an earlier run
  std::map<std::string, int64_t> made_again;      // why results of an earlier run were not kept
  double run_seconds = 0, run_video_seconds = 0;  // of this run, and of the files that it made

  double video_seconds() const;  // of all good files
  double times_real_time() const { return run_seconds > 0 ? run_video_seconds / run_seconds : 0; }
};

std::string summary_name(const Shard& shard);  // "summary.json", "summary-2-of-4.json"

// Files in order of their names, so that summaries of equal states differ in what they say of the run alone.
nlohmann::json to_json(const Summary& summary);
Summary summary_from_json(const nlohmann::json& json);

// All shards as one: finished where all are, running where one is. Throws std::invalid_argument where one is missing
// or was made with other models or settings.
Summary merged(const std::vector<Summary>& shards);

// Where all shards have left their summaries in `out` and none runs any more: summary.json of all of them. Whoever ends
// last finds them all. Returns what was written.
std::optional<Summary> merge_when_complete(const std::string& out, int shards);

}  // namespace avsr::pipeline
