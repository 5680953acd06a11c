// Adds up the gradients of what trains over ranks, in stretches of the arena as soon as backward has finished them.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "models/layers/parameters.h"

namespace avsr::pipeline {

class GradientSums {
 public:
  // Small sums cost as much as larger ones: neighbouring stretches wait for each other until they are this long.
  static constexpr int64_t kLeastValues = int64_t{4} << 20;  // 16 MiB

  // The arena's back end must have joined the ranks. What trains must stay the same.
  explicit GradientSums(layers::ParameterArena& arena, int64_t least_values = kLeastValues);
  ~GradientSums();
  GradientSums(const GradientSums&) = delete;
  GradientSums& operator=(const GradientSums&) = delete;

  void begin();                                        // of the next backward
  void finish();                                       // after it: every gradient is then the sum over all ranks
  int64_t sums_begun_early() const { return early_; }  // in the last backward

 private:
  using Stretch = std::pair<int64_t, int64_t>;  // [first, last)
  void add(Stretch stretch);
  void start_early(Stretch next);  // ready_; `next` takes its place
  void start(Stretch stretch);

  layers::ParameterArena& arena_;
  int64_t least_values_, early_ = 0;
  std::vector<Stretch> trainable_, open_;  // open_: of trainable_, not begun yet
  Stretch ready_{0, 0};                    // final, waits for its neighbours
};

}  // namespace avsr::pipeline
