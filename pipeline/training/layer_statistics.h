// What shows whether a network learns, layer by layer: how large the activations are, how many ReLUs are dead, how far
// a step moves the parameters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/network.h"

namespace avsr::pipeline {

struct LayerStatistics {
  std::string path;
  double mean = 0, deviation = 0;    // over the values looked at
  std::optional<double> dead_relus;  // share of the channels that are 0 everywhere; no value where no ReLU is
};

// Of one layer's output, valid steps only. At most about `most_values` are looked at: the first rows of the batch.
LayerStatistics statistics_of(backend::Backend& backend, const layers::Output& output,
                              int64_t most_values = int64_t{1} << 20);
// Of the network's layers in the last training pass, in its order.
std::vector<LayerStatistics> layer_statistics(models::Network& network);

struct UpdateRatio {
  std::string path;
  double ratio = 0;     // ||dw|| / ||w||, w before the step
  bool weight = false;  // a matrix or a convolution's kernel, not a bias or a batch norm's scale
};

// How far a step moves each parameter that trains.
class UpdateMeter {
 public:
  void before(layers::ParameterArena& arena);  // keeps a copy of the values on the host
  // Parameters that were all zero before the step have no ratio and are left out.
  std::vector<UpdateRatio> after(layers::ParameterArena& arena);

 private:
  std::vector<float> values_;
};

// Over the weights among them; no value where there are none.
std::optional<double> median_ratio(const std::vector<UpdateRatio>& ratios);

// After a training pass went wrong: names the first layer, in the order of that pass, with a value that is not finite
// in its output, and the first parameter with one (behind a ReLU the parameter alone tells: it may make 0 of a NaN).
// For an error's text.
std::string first_not_finite(models::Network& network);
// False when a value or a batch-norm statistic of the network is NaN or infinite.
bool all_finite(layers::ParameterArena& arena);

}  // namespace avsr::pipeline
