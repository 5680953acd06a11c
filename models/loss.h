// How a network's steps are compared with what was said, as recipes and model files name it.
#pragma once

#include <cstdint>
#include <utility>

#include "models/backend/kernels.h"

namespace avsr::models {

// mean_logits, per_frame: a clip has one label, and its steps are averaged (backend::CrossEntropySpec).
// ctc: a clip has a text, and each step is of one of its symbols or of the blank, label 0 (backend::CtcLoss).
enum class Loss : uint8_t { mean_logits, per_frame, ctc };

inline constexpr std::pair<Loss, const char*> kLossNames[] = {
    {Loss::mean_logits, "mean_logits"}, {Loss::per_frame, "per_frame"}, {Loss::ctc, "ctc"}};

struct LossSettings {
  Loss kind = Loss::mean_logits;
  float label_smoothing = 0;  // not of ctc
  int middle_steps = 0;       // only so many steps in the middle of each clip count; 0: all. Not of ctc
  // Of ctc, in seconds: how much earlier or later than an even spelling of its word a character may be written, where
  // the word's times are known (constrained alignments: Sak et al. 2015); 0: whenever.
  double time_slack = 0;

  // Of the losses that are cross-entropies.
  backend::CrossEntropySpec cross_entropy() const {
    using Form = backend::CrossEntropySpec::Form;
    return {kind == Loss::per_frame ? Form::per_frame : Form::mean_logits, label_smoothing, middle_steps};
  }
};

}  // namespace avsr::models
