// From phones to the visible state of the mouth.
#pragma once

#include <span>

#include "data_scripts/drawn_face.h"
#include "data_scripts/speech.h"

namespace avsr::data_scripts {

// How one person articulates.
struct ArticulationStyle {
  double opening = 1;           // scales how far the mouth opens
  double reach_seconds = 0.03;  // how far a phone's mouth is felt before and after it
};

// The mouth at a time within (or beyond) the phones. Coarticulation after Cohen and Massaro 1993: each parameter is the
// mean of all phones' targets, weighted by dominances that fall off exponentially with the distance in time; closures
// (p, b, m), lip-teeth sounds (f, v) and rounding dominate their neighbours.
// Throws std::runtime_error for a phone without a viseme.
MouthShape mouth_at(std::span<const Phone> phones, double seconds, const ArticulationStyle& style = {});

}  // namespace avsr::data_scripts
