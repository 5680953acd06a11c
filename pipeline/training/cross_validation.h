// Trains and tests a recipe on each fold of a prepared folder: how good it is on clips, or speakers, that it never saw.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "models/backend/backend.h"
#include "pipeline/data/folds.h"
#include "pipeline/training/recipe.h"
#include "pipeline/training/study.h"

namespace avsr::pipeline {

// out: fold-01, … and the tables.
struct CrossValidationSettings : StudySettings {
  Recipe recipe;
  FoldSettings folds;
};

struct FoldResult {
  int number = 0;      // from 1
  std::string tested;  // Fold::tested
  std::map<std::string, double>
      accuracy;  // "audio", "video", "audiovisual" -> on the fold's test clips, clean, after the last stage of its kind
  std::map<std::string, int64_t> clips;  // how many test clips
};

// Files in settings.out: fold-NN/data (a view), fold-NN/ as `train` writes it (checkpoints removed at its end), with
// fold.json; folds.{csv,json,md}.
// Finished folds are taken over, a stopped one goes on. Throws std::runtime_error for a folder that holds another
// cross-validation. Fewer results than folds when the user stopped it.
std::vector<FoldResult> cross_validate(backend::Backend& backend, const CrossValidationSettings& settings);

// Markdown: a line for each fold, then mean and standard deviation over the folds (of a sample: n - 1).
std::string table_of(const std::vector<FoldResult>& results);

}  // namespace avsr::pipeline
