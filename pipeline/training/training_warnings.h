// Tells in words what is wrong with a training, from its numbers alone. Each kind once.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "pipeline/training/layer_statistics.h"

namespace avsr::pipeline {

struct TrainingWarning {
  std::string kind;  // "blind", "rising", "oscillating", "flat", "silent", "dead", "large_updates", "small_updates"
  std::string text;
};

class TrainingWarnings {
 public:
  // rate: the stage's highest. said: kinds that were given before, in a part of the run that goes on here.
  TrainingWarnings(int labels, double rate, std::set<std::string> said);

  // The mean training loss of the next stretch of batches: an epoch, or thousands of batches.
  std::vector<TrainingWarning> add_loss(double loss);
  // One look at the network: its layers, how far the step at this rate moved its parameters.
  std::vector<TrainingWarning> add_look(const std::vector<LayerStatistics>& layers,
                                        const std::vector<UpdateRatio>& updates, double rate);

 private:
  void warn(std::vector<TrainingWarning>& warnings, const char* kind, std::string text);
  void look_at_layers(const std::vector<LayerStatistics>& layers, std::vector<TrainingWarning>& warnings);
  void look_at_updates(const std::vector<UpdateRatio>& updates, double rate, std::vector<TrainingWarning>& warnings);

  double blind_loss_, rate_;
  std::set<std::string> said_;
  std::vector<double> losses_;
  int silent_ = 0, dead_ = 0, large_ = 0, small_ = 0;  // looks in a row
};

}  // namespace avsr::pipeline
