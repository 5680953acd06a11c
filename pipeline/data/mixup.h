// Mixup (Zhang et al. 2018): each training example becomes a weighted sum of two of its batch, and so does its target.
//
// Note [Mixup]
// Shares are drawn as max(l, 1 - l), l from Beta(a, a): an example's own clip always has the larger part, which as
// pairs are drawn evenly is the same distribution, and says at once what is right: an answer is counted as correct when
// it is the larger part's label. Lengths, absent streams and keys are the larger part's too. Pixels are mixed as the
// bytes that go to the device, rounded to the nearest grey level: an error of at most half a level, far below a
// camera's noise. That needs one scale for all clips, so normalisations of their own clip are refused by the recipe.
// Sound and hand-made features (MFCC, DCT) are mixed after their normalisation. Clips of different length are laid with
// their middles on each other, where the words are; where the other clip is not, a clip stays as it is.
#pragma once

#include <vector>

#include "pipeline/data/input_rule.h"
#include "preprocessing/random.h"

namespace avsr::pipeline {

struct MixedWith {
  int clip = 0;     // of the batch
  float share = 1;  // of the own clip, 0.5 to 1
};

// max(l, 1 - l) with l from Beta(alpha, alpha), 0 < alpha <= 1, by Joehnk's rejection (1964).
float draw_share(double alpha, preprocessing::Random random);

// Mixes all inputs of the batch and sets second_labels and own_share. with: one for each clip; all are mixed with the
// others as they were.
void mix(const std::vector<MixedWith>& with, HostBatch& batch);

}  // namespace avsr::pipeline
