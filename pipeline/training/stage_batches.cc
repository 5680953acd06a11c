#include "pipeline/training/stage_batches.h"

namespace avsr::pipeline {

LoaderSettings loader_settings_of(const Recipe& recipe, const Stage& stage, bool training) {
  LoaderSettings settings;
  // Validation has the memory of a part, and no steps to take.
  settings.batch = training ? stage.batch : clips_of_part(stage);
  settings.parts = training ? stage.accumulate : 1;
  settings.training = training;
  settings.augment = recipe.data.augment;
  settings.shift_frames = recipe.data.shift_frames;
  if (recipe.data.clean) settings.levels_db.emplace_back();
  settings.levels_db.insert(settings.levels_db.end(), recipe.data.noise_levels_db.begin(),
                            recipe.data.noise_levels_db.end());
  return settings;
}

}  // namespace avsr::pipeline
