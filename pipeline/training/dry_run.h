// What a recipe will do, told before it does it: networks, what trains, steps, memory and time on this device.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "models/backend/backend.h"
#include "pipeline/training/recipe.h"

namespace avsr::pipeline {

// How much there is to train on.
struct DataSize {
  int64_t training = 0, validation = 0;  // examples
  int labels = 0;
  int frames = 0;  // of an example
};
DataSize size_of_lrw();  // Chung and Zisserman 2016: 488,766 and 25,000 clips of 500 words, 29 frames

struct StagePlan {
  Stage stage;
  std::vector<std::string> inherited;  // parts that come from the recipe's `init`
  int64_t parameters = 0, trained_parameters = 0;
  std::vector<std::string> trained, frozen;  // parameter paths, at most two components deep
  int64_t steps_per_epoch = 0;
  size_t bytes = 0;  // of the device at the largest part of the stage's batch, optimizer state and activations included
  int measured_clips = 0;  // in the batch that was timed
  double training_clips_per_second = 0, inference_clips_per_second = 0;
  double seconds = 0;  // of all its epochs, validation included
};

// Builds every stage's network and times one step of it after a first one: full parts of batches on a GPU, a few clips
// on the CPU, whose memory and time at a whole part of a batch are what they grow to per clip. Input pixels are as
// large as the recipe's network wants. Throws like run_schedule() for a recipe that cannot be trained.
// stages: only these; empty: all.
std::vector<StagePlan> plan_stages(backend::Backend& backend, const Recipe& recipe, const DataSize& data,
                                   const std::vector<std::string>& stages = {},
                                   const std::function<void(const std::string&)>& say = {});

std::string text_of(const StagePlan& plan);
std::string total_of(const std::vector<StagePlan>& plans);  // one line

}  // namespace avsr::pipeline
