// Runs of the small recipe on the small corpus.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "models/layers/parameters.h"
#include "models/safetensors.h"
#include "pipeline/device.h"
#include "pipeline/training/schedule.h"
#include "tests/pipeline/small_corpus.h"

namespace avsr::pipeline {

class ScheduleTest : public testing::Test {
 protected:
  ScheduleTest() : backend_(open_device({"cpu", 1})) { write_small_corpus(folder_ / "data"); }

  RunSettings settings(const std::string& out, const std::vector<std::string>& overrides = {}) const {
    RunSettings run;
    run.recipe = small_recipe(overrides);
    run.data = folder_ / "data";
    run.out = folder_ / out;
    run.workers = 1;
    return run;
  }
  models::SafetensorsFile read(const std::string& file) const { return models::read_safetensors(folder_ / file); }

  TemporaryFolder folder_;
  std::unique_ptr<backend::Backend> backend_;
};

// Weights and statistics under these paths are the same bits in both; returns how many were compared.
inline int expect_equal_under(const models::SafetensorsFile& a, const models::SafetensorsFile& b,
                              const std::string& prefix) {
  int compared = 0;
  for (const models::HostTensor& tensor : a.tensors) {
    if (!layers::under_path(tensor.name, prefix)) continue;
    const models::HostTensor* other = b.find(tensor.name);
    if (!other) continue;
    EXPECT_EQ(tensor.values, other->values) << tensor.name;
    ++compared;
  }
  return compared;
}

}  // namespace avsr::pipeline
