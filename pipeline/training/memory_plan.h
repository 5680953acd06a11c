// What training a stage takes of a device's memory, found before it starts by rehearsing a step on a back end that only
// counts (Backend::rehearsal). An estimate: what a run has kept of earlier stages, and batches of other sizes, come on
// top.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "models/backend/backend.h"
#include "pipeline/data/input_rule.h"
#include "pipeline/training/recipe.h"

namespace avsr::pipeline {

struct MemoryPlan {
  size_t needed = 0, total = 0;  // bytes
  int clips = 0;                 // at once: of the largest part of a batch
  int fitting_clips = 0;         // the most that the device has room for; 0: not even one
  bool fits() const { return fitting_clips >= clips; }
  std::string text() const;  // "about 12.3 of 79.2 GiB for 128 clips at once"
};

// frames: of the longest clip. Training and validation take a batch each. No value on a device that cannot rehearse.
std::optional<MemoryPlan> plan_memory(const backend::Backend& backend, const Recipe& recipe, const Stage& stage,
                                      const InputRule& rule, int labels, int frames);
// Says what the stage takes where each of `ranks` has its share of every part of a batch. Throws std::runtime_error
// with the parts that would do where it does not fit.
void require_memory(const backend::Backend& backend, const Recipe& recipe, const Stage& stage, const InputRule& rule,
                    int labels, int frames, const std::function<void(const std::string&)>& say, int ranks = 1);

// Most clips at once that fit into `room` bytes, when one clip needs `one` and `clips` clips need `needed`; less than
// clips where needed is more than room.
int fitting_clips(size_t room, size_t one, size_t needed, int clips);
// What to do where only `fitting` clips of the stage's batch fit at once.
std::string parts_that_fit(const Stage& stage, int fitting);

}  // namespace avsr::pipeline
