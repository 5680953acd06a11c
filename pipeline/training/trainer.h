// Trains one stage of a recipe: epochs of batches, validation after each, the best model kept, a checkpoint from which
// an interrupted stage goes on to the same weights.
#pragma once

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/backend/backend.h"
#include "models/network.h"
#include "pipeline/data/input_rule.h"
#include "pipeline/data/loader.h"
#include "pipeline/ranks.h"
#include "pipeline/reporter.h"
#include "pipeline/training/rate.h"
#include "pipeline/training/recipe.h"
#include "pipeline/training/transfer.h"

namespace avsr::pipeline {

struct StageSettings {
  const Recipe* recipe = nullptr;
  const Stage* stage = nullptr;
  const Dataset* training = nullptr;
  const Dataset* validation = nullptr;
  const NoiseSource* training_noise = nullptr;  // null: clean only
  const NoiseSource* validation_noise = nullptr;
  const Ancestor* ancestor = nullptr;  // the model that fills what the stage does not load; null: none
  InputRule rule;
  std::filesystem::path folder;                          // of this stage's files
  std::map<std::string, std::filesystem::path> results;  // model files of the stages that may be loaded from
  nlohmann::json provenance;                             // what goes into the model file besides the stage's own
  int workers = 0;                                       // loader threads; 0: half of the cores
  double checkpoint_minutes = 10;                        // between checkpoints inside an epoch
  int keep_checkpoints = 1;                              // of the ends of the last epochs, beside the last
  int watch_every = 0;                                   // steps between looks at the layers, see WatchPace
  const std::atomic<bool>* stop = nullptr;               // set: checkpoint after the running batch, then return
  Reporter reporter;
  Ranks ranks;  // the first writes the files; all read them
};

// How far a stage has come, as kept in its checkpoint.
struct StageProgress {
  int epoch = 0, batch = 0;  // next to do
  int64_t step = 0;          // optimizer steps done
  double loss_sum = 0;       // of the running epoch, over clips
  int64_t clips = 0, units = 0, correct = 0;
  double seconds = 0, waited_seconds = 0;    // of the running epoch's training; of these, for data
  double gradient_norm_sum = 0;              // of the running epoch, over steps
  double total_seconds = 0;                  // of the epochs before it
  double best_accuracy = -1, best_loss = 0;  // on validation
  int best_epoch = -1, stale_epochs = 0;
  PlateauState plateau;
};

struct StageResult {
  StageProgress progress;
  bool finished = false;  // false: stopped by the user
};

// Gives the network's parameters what the stage starts with: the results of earlier stages, and of what these do not
// bring the ancestor's. Throws std::runtime_error where one of these is not there.
void load_parts(const StageSettings& settings, models::Network& network);

// Files: checkpoint.safetensors, log.jsonl (a line an epoch), TensorBoard's events.out.tfevents.* and model.safetensors
// (the best on validation; of equals the first) in settings.folder, and what StageCheckpoints keeps. Goes on from the
// checkpoint when there is one. Throws std::runtime_error when a file does not fit, and when the loss stops being
// finite: it then names the first layer of the pass that is not, and the checkpoint is one from before. Collective
// where there are several ranks.
StageResult train_stage(backend::Backend& backend, const StageSettings& settings);

}  // namespace avsr::pipeline
