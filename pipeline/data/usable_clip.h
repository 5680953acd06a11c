// Which prepared clips a model can learn from, or read: one rule for training, measuring and choosing.
#pragma once

#include <cstdint>

#include "io/clip.h"
#include "models/network_config.h"

namespace avsr::pipeline {

// Whether the clip has all of these streams and, where it is looked at, a face was found. clip: its record, without
// pixels; samples: how many its sound has.
inline bool usable(const io::Clip& clip, int64_t samples, models::Streams streams) {
  if (streams != models::Streams::audio && (clip.mouth.count == 0 || clip.quality.reason == "no_face")) return false;
  return streams == models::Streams::video || samples > 0;
}

}  // namespace avsr::pipeline
