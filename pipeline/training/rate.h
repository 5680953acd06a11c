// The learning rate over a stage.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "pipeline/training/recipe.h"

namespace avsr::pipeline {

// What `decay: plateau` has seen of the validation results; a part of the checkpoint, so that a resumed stage goes on
// as it would have.
struct PlateauState {
  int epochs = 0;        // seen
  double best = 0;       // of them; means nothing while there are none
  int stale_epochs = 0;  // since the best one, or since the rate fell last
  double factor = 1;     // of the rate, so far
};
void to_json(nlohmann::json& json, const PlateauState& state);
void from_json(const nlohmann::json& json, PlateauState& state);

// Learning rate at `epoch` + `progress` (0 <= progress < 1) of a stage. Over the first stage.warm_up epochs it rises in
// proportion to time from rate / 100. Then, with u epochs since the warm-up's end and U epochs from there to the
// stage's end:
//   constant     rate
//   paper        rate while u < 5, then rate * 0.5^((floor(u) - 4) / 5)   (Petridis et al. 2018)
//   step         rate * factor^floor(u / every)
//   exponential  rate * factor^u
//   inverse      rate / (1 + u / half_after), which is c / t
//   plateau      rate * plateau.factor, but not below `lowest`
//   cosine       from rate to `lowest` along half a cosine                (Loshchilov and Hutter 2017)
//   one_cycle    rises from rate / 25 over the first 30 % of U, then falls to rate / 10000, both along a cosine
//                (Smith and Topin 2019)
double rate_at(const Stage& stage, int epoch, double progress, const PlateauState& plateau = {});

// Of `decay: plateau`: takes the validation results of the epoch that has ended. True when the rate falls:
// decay.patience epochs in a row were no better than the best so far. Epochs of the warm-up do not count as such. Other
// kinds of decay do not look.
bool observe(const Stage& stage, int epoch, double accuracy, double loss, PlateauState& plateau);

}  // namespace avsr::pipeline
