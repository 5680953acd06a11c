// What a stage tells of its epochs: a line on the terminal and one in log.jsonl.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "pipeline/recipe.h"
#include "pipeline/reporter.h"
#include "pipeline/scorer.h"

namespace avsr::pipeline {

// An epoch that has ended.
struct EpochSummary {
  int epoch = 0;     // counted from 0
  int64_t step = 0;  // optimizer steps of the stage so far
  double rate = 0;   // at the epoch's start
  Score training, validation;
  bool best = false;                           // on validation, so far
  double training_seconds = 0;                 // without validation
  double seconds = 0, stage_seconds_left = 0;  // the latter: if no epoch is spared
  double clips_per_second() const;             // of training
};

// The line of log.jsonl.
nlohmann::json to_json(const EpochSummary& summary);

class StageLog {
 public:
  // Goes on with the log at `path`. A run killed between writing the log and the checkpoint repeats that epoch: lines
  // beyond the `epochs_done` of the checkpoint go. So does a line that is damaged: they are only there to be looked at.
  // stage and reporter must outlive this.
  StageLog(std::filesystem::path path, const Stage& stage, const Reporter& reporter, int epochs_done);

  void add(const EpochSummary& summary);

 private:
  void say(const EpochSummary& summary) const;

  std::filesystem::path path_;
  const Stage& stage_;
  const Reporter& reporter_;
};

}  // namespace avsr::pipeline
