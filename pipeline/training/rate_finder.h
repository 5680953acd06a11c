// The learning rate range test (Smith 2017, Cyclical Learning Rates for Training Neural Networks): the rate grows from
// batch to batch, and the loss shows which rates train.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/training/trainer.h"

namespace avsr::pipeline {

struct RateTest {
  struct Point {
    double rate = 0, loss = 0, smoothed = 0;  // smoothed: exponential mean over the points so far, its start corrected
  };
  std::vector<Point> points;
  bool diverged = false;  // before the highest rate was reached
};

struct RateRange {
  double lowest = 1e-6, highest = 10;
  int steps = 200;
};

// What is looked for in a curve; none where the loss never fell.
struct RateSuggestion {
  double falls_from = 0;  // the first rate at which the loss has come down by a twentieth of its whole fall
  double lowest_at = 0;   // where the smoothed loss is lowest
  double rate = 0;        // a tenth of that: where the loss still falls well, with room to where it rises again
};
std::optional<RateSuggestion> suggest_rate(const RateTest& test);

// The recipe without what would hide what the rate does: no dropout, weight decay, label smoothing, random changes of
// clips or noise. Clipping of gradients stays, as training has it too.
Recipe without_regularisation(Recipe recipe);

// Trains the stage from where it starts, on its batches, one rate after the other, until the smoothed loss is above its
// lowest by half of ln(labels) or is not finite. Writes nothing. No value when stopped by settings.stop.
std::optional<RateTest> test_rates(backend::Backend& backend, const StageSettings& settings, const RateRange& range);

// The test on the stage of settings with the files FOLDER/<stage>.csv and FOLDER/<stage>.svg; says what it found. False
// when stopped.
bool find_rate(backend::Backend& backend, const StageSettings& settings, const std::filesystem::path& folder);

}  // namespace avsr::pipeline
