// How a stage's examples become batches.
#pragma once

#include "pipeline/data/loader.h"
#include "pipeline/training/recipe.h"

namespace avsr::pipeline {

// What the recipe says of a stage's batches. seed, epoch, noise, first_batch and workers are the caller's.
LoaderSettings loader_settings_of(const Recipe& recipe, const Stage& stage, bool training);

}  // namespace avsr::pipeline
