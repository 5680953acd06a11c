// How a stage's recipe sets the course of its learning rate.
#pragma once

#include <cstdint>
#include <string>

namespace YAML {
class Node;
}

namespace avsr::pipeline {

// What becomes of the rate after the warm-up; the formulas stand at rate_at (rate.h). Time is counted in epochs.
struct Decay {
  enum class Kind : uint8_t { constant, paper, step, exponential, inverse, plateau, cosine, one_cycle };
  enum class Watch : uint8_t { accuracy, loss };
  Kind kind = Kind::paper;
  double factor = 0.1;            // step: every so often; exponential: every epoch; plateau: at each
  double every = 0;               // step: epochs
  double half_after = 0;          // inverse: epochs until the rate is half
  int patience = 3;               // plateau: epochs in a row without a better validation result
  Watch watch = Watch::accuracy;  // plateau: the result that it watches
  double lowest = 0;              // plateau, cosine: the rate does not fall below it
};

const char* name_of(Decay::Kind kind);

// A name or a mapping; undefined: the default. Throws std::invalid_argument with origin and line, also on a key that
// this kind has no use for and on one that it cannot do without.
Decay read_decay(const YAML::Node& node, const std::string& origin);

}  // namespace avsr::pipeline
