// Runs the stages of a recipe in their order, each on what earlier ones left.
//
// Files: OUT/recipe.yaml, OUT/run.json, OUT/<stage>/{checkpoint.safetensors,log.jsonl,model.safetensors}, and
// OUT/{audio,video,audiovisual}.safetensors: the result of the last stage of each kind.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "pipeline/training/recipe.h"
#include "pipeline/training/trainer.h"

namespace avsr::pipeline {

struct RunSettings {
  Recipe recipe;
  std::string data;  // prepared folder with splits train and val
  std::filesystem::path out;
  std::vector<std::string> stages;  // only these, in the recipe's order; empty: all
  bool resume = false;              // go on with the run that `out` holds
  bool find_rate = false;           // instead of training: see below
  int workers = 0;
  double checkpoint_minutes = 10;
  int keep_checkpoints = 1;  // of the ends of a stage's last epochs, beside its last; 0: none
  int watch_every = 0;       // steps between looks at the layers; 0: as often as takes less than 1 % of the time
  double cache_gb = 0;       // memory for decoded clips, in GB; 0: half of what there is
  const std::atomic<bool>* stop = nullptr;
  Reporter reporter;
  Ranks ranks;  // the first writes the files, and has the reporter; all see the same folders

  void validate() const;  // throws std::invalid_argument
};

// Trains on `ranks` together where there are several: collective, and the back end joins them. What one of them throws
// then ends all (Communicator::abort).
// True when all wanted stages are finished, false when the user stopped it. A stage whose inputs come from a stage that
// is neither finished nor asked for is a std::runtime_error before anything is trained; so is a folder that holds a run
// without `resume`, and with it one that holds none, one of other data, or one whose begun stages were trained by
// other values of the recipe. Changes of stages that are not begun are taken over. std::invalid_argument for settings
// that cannot be.
// With find_rate nothing is trained for keeps: the range test of pipeline/training/rate_finder.h runs on the one stage
// of `stages`, or the recipe's first, from the results of earlier stages that OUT holds, and leaves
// OUT/find-rate/<stage>.{csv,svg}. A run in OUT stays as it is.
bool run_schedule(backend::Backend& backend, const RunSettings& settings);

// Throws what run_schedule would throw before it trains; writes nothing. On one rank.
void check_schedule(backend::Backend& backend, const RunSettings& settings);

}  // namespace avsr::pipeline
