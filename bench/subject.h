// One network of the paper at full size with a random batch, ready to be timed.
#pragma once

#include <memory>

#include "models/network.h"
#include "pipeline/input_rule.h"
#include "pipeline/optimizer.h"
#include "pipeline/scorer.h"

namespace avsr::bench {

inline constexpr int kFrames = 29;  // of a clip, as LRW's

models::NetworkConfig config_of(models::Streams streams);  // 500 labels

// Each call does what the program does with a batch that the loader has made, its upload included.
class Subject {
 public:
  Subject(backend::Backend& backend, models::Streams streams, int batch);
  void infer();
  void train();
  int64_t parameters() const;

 private:
  models::NetworkConfig config_;
  pipeline::BatchWriter writer_;
  pipeline::DeviceBatch inputs_;
  pipeline::HostBatch host_;
  pipeline::Scorer scorer_;
  std::unique_ptr<models::Network> network_;
  std::unique_ptr<pipeline::OptimizerState> optimizer_;  // made by the first training step, as inference needs none
  backend::Lengths steps_;
  int64_t step_ = 0;
};

}  // namespace avsr::bench
