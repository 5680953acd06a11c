// One network of the paper at full size with a random batch, ready to be timed.
#pragma once

#include "pipeline/training/training_step.h"

namespace avsr::bench {

inline constexpr int kFrames = 29, kLabels = 500;  // of a clip and of a network, as LRW's

models::NetworkConfig config_of(models::Streams streams);

// Each call does what the trainer does with a batch that the loader has made, its upload included. All parameters
// train.
class Subject {
 public:
  Subject(backend::Backend& backend, models::Streams streams, int batch);
  void infer();
  void train();
  int64_t parameters() { return step_.parameters().count(); }

 private:
  pipeline::TrainingStep step_;
  pipeline::HostBatch batch_;
  backend::Lengths steps_;
  int64_t steps_done_ = 0;
};

}  // namespace avsr::bench
