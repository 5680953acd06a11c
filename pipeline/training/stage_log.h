// What a stage tells of its epochs: a line on the terminal and one in log.jsonl.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "pipeline/reporter.h"
#include "pipeline/training/recipe.h"
#include "pipeline/training/scorer.h"

namespace avsr::pipeline {

// An epoch that has ended.
struct EpochSummary {
  int epoch = 0;     // counted from 0
  int64_t step = 0;  // optimizer steps of the stage so far
  double rate = 0;   // at the epoch's start
  Score training, validation;
  bool best = false;                           // on validation, so far
  double training_seconds = 0;                 // without validation
  double waited_seconds = 0;                   // of these, for data
  double seconds = 0, stage_seconds_left = 0;  // the latter: if no epoch is spared
  double gradient_norm = 0;                    // mean over the epoch's steps, before clipping
  // What StageWatch saw in the epoch: its last look at the layers (or nothing), its warnings {kind, text}.
  nlohmann::json seen = nlohmann::json::object(), warnings = nlohmann::json::array();

  double clips_per_second() const;  // of training
  double waited_share() const;      // of the training's time
};

// The line of log.jsonl.
nlohmann::json to_json(const EpochSummary& summary);

// The lines of a log up to this epoch, counted from 1, in order; damaged ones are left out. None where there is no log.
std::vector<nlohmann::json> read_log(const std::filesystem::path& path,
                                     int last_epoch = std::numeric_limits<int>::max());

class StageLog {
 public:
  // Goes on with the log at `path`. A run killed between writing the log and the checkpoint repeats that epoch: lines
  // beyond the `epochs_done` of the checkpoint go. So does a line that is damaged: they are only there to be looked at.
  // stage and reporter must outlive this.
  StageLog(std::filesystem::path path, const Stage& stage, const Reporter& reporter, int epochs_done);

  void add(const EpochSummary& summary);
  // The log's lines, of former parts of the run too.
  const std::vector<nlohmann::json>& entries() const { return entries_; }
  std::set<std::string> warned() const;  // the kinds of their warnings

 private:
  void say(const EpochSummary& summary) const;
  void write() const;

  std::filesystem::path path_;
  std::vector<nlohmann::json> entries_;
  const Stage& stage_;
  const Reporter& reporter_;
};

}  // namespace avsr::pipeline
