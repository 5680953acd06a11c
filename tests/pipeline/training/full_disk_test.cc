// A disk that fills up during training: the run stops with an error, and loses nothing that it had.
#include "tests/full_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "models/safetensors.h"
#include "pipeline/device.h"
#include "pipeline/training/schedule.h"
#include "tests/pipeline/small_corpus.h"

namespace avsr::pipeline {
namespace {

using testing::HasSubstr;

TEST(FullDisk, TrainingStopsAndGoesOnToTheSameWeights) {
  TemporaryFolder folder;
  write_small_corpus(folder / "data");
  const auto backend = open_device({"cpu", 1});
  RunSettings run;
  run.recipe = small_recipe();
  run.data = folder / "data";
  run.stages = {"a-conv"};
  run.workers = 1;
  run.out = folder / "whole";
  run_schedule(*backend, run);

  run.out = folder / "full";
  {
    const tests::FullDisk full(30'000);  // room for logs, not for a checkpoint
    std::string failure;
    try {
      run_schedule(*backend, run);
    } catch (const std::runtime_error& error) {
      failure = error.what();
    }
    EXPECT_THAT(failure, HasSubstr("full/a-conv/"));
  }
  run.resume = true;
  run_schedule(*backend, run);
  const auto read = [&](const std::string& name) {
    return models::read_safetensors(folder / (name + "/a-conv/model.safetensors")).tensors;
  };
  const auto whole = read("whole"), mended = read("full");
  ASSERT_EQ(whole.size(), mended.size());
  for (size_t i = 0; i < whole.size(); ++i) EXPECT_EQ(whole[i].values, mended[i].values) << whole[i].name;
}

}  // namespace
}  // namespace avsr::pipeline
