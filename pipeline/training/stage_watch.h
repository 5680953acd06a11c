// Watches a stage while it trains: TensorBoard's event file, looks at the layers, warnings.
//
// Watching only reads: a training that is watched more or less often ends at the same bits.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "io/event_file.h"
#include "models/network.h"
#include "pipeline/reporter.h"
#include "pipeline/training/scorer.h"
#include "pipeline/training/stage_log.h"
#include "pipeline/training/training_warnings.h"

namespace avsr::pipeline {

// When to look at the layers. Every `every` steps; 0: the first step, and then as often as takes less than 1 % of the
// time, at most every 10 steps.
class WatchPace {
 public:
  explicit WatchPace(int every) : every_(every) {}
  bool due(int64_t step) const;
  void looked(int64_t step, double seconds);  // what the look took
  void trained(double seconds);               // a step without a look took so long

 private:
  int every_;
  int64_t last_ = 0;
  double look_seconds_ = 0, trained_seconds_ = 0;  // since the last look
};

class StageWatch {
 public:
  struct Settings {
    std::filesystem::path folder;  // of the event files
    int labels = 0;
    double rate = 0;               // the stage's highest
    int every = 0;                 // see WatchPace
    int64_t first_step = 1;        // the first that is trained now
    std::set<std::string> warned;  // kinds of warnings that were given before
    std::string stage;
  };
  // network and reporter must outlive this.
  StageWatch(const Settings& settings, models::Network& network, const Reporter& reporter);

  struct Step {
    int64_t step = 0;  // counted from 1
    double rate = 0, gradient_norm = 0;
    Score score;
    int batches = 1;  // of the epoch
  };
  // Around each optimizer step.
  void before_step(int64_t step);
  void after_step(const Step& done);

  // What was seen since the last call goes into the epoch's summary, and the summary into the event file.
  void end_epoch(EpochSummary& summary);

 private:
  using Clock = std::chrono::steady_clock;
  using Scalars = std::vector<std::pair<std::string, double>>;

  void look(const Step& done);
  void add_loss(const Step& done);
  void warn(const std::vector<TrainingWarning>& warnings);

  Settings settings_;
  models::Network& network_;
  const Reporter& reporter_;
  io::EventFile events_;
  WatchPace pace_;
  TrainingWarnings warnings_;
  UpdateMeter meter_;
  bool looking_ = false;
  Clock::time_point step_start_;
  double before_seconds_ = 0;

  Score point_, stretch_;  // of the running point of the curve, of the running stretch for the warnings
  int point_batches_ = 0, stretch_batches_ = 0;
  nlohmann::json seen_ = nlohmann::json::object(), given_ = nlohmann::json::array();  // of the running epoch
};

}  // namespace avsr::pipeline
