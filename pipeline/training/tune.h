// Random search: trains a recipe again and again with drawn values, and ranks the trials by their accuracy on the
// validation set. The test set is never looked at.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/backend/backend.h"
#include "pipeline/training/search_space.h"
#include "pipeline/training/study.h"

namespace avsr::pipeline {

// out: trial-001, … and the tables.
struct TuneSettings : StudySettings {
  std::string recipe;                  // a built-in one's name, or a path
  std::vector<std::string> overrides;  // of every trial, before its own
  SearchSpace space;
  int trials = 20;
  uint64_t seed = 1;

  void validate() const;  // throws std::invalid_argument
};

struct Trial {
  int number = 0;                  // from 1
  std::vector<std::string> drawn;  // KEY=VALUE
  double accuracy = 0;             // on validation, of the last stage that was trained
  double seconds = 0;
  std::string failure;  // instead: why it could not be trained (a loss that is not finite, no memory, …)
};

// Files in settings.out: trial-NNN/ as `train` writes it (checkpoints removed at its end) with trial.json, tune.json
// (what the search is of), trials.{csv,json,md} in order of accuracy, best.yaml: the best trial's recipe. Trials that
// are finished are taken over; a stopped one goes on. Throws std::runtime_error for a folder that holds another search
// and for data that cannot be trained on, std::invalid_argument for a space with keys or values that no trial of the
// recipe could have; nothing is written then. Returns the trials in
// order of accuracy; fewer than asked for when the user stopped it.
std::vector<Trial> tune(backend::Backend& backend, const TuneSettings& settings);

// Best first; those that failed last; of equals the earlier one.
void sort_by_accuracy(std::vector<Trial>& trials);

// A Markdown table of the trials in this order.
std::string table_of(const std::vector<Trial>& trials);

}  // namespace avsr::pipeline
