#include "bench/work_count.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "models/backend/cpu/cpu_backend.h"
#include "models/network.h"

namespace avsr::bench {
namespace {

models::NetworkConfig small_video() {
  models::NetworkConfig config;
  config.streams = models::Streams::video;
  config.video = {.crop = 8, .frontend_width = 2, .widths = {2, 4}, .blocks = {1, 1}, .embedding = 3};
  config.recurrent = {.layers = 1, .hidden = 2};
  config.labels = 5;
  return config;
}

// Two frames: maps of 4 x 4 behind the first convolution, 2 x 2 behind the pool, 1 x 1 in the second block.
TEST(WorkCount, OfASmallVideoNetworkIsTheHandCount) {
  const Work work = work_of_clip(small_video(), 2);
  const double front = 2 * 4 * 4 * 5 * 7 * 7 * 2, first_block = 2 * (2 * 2 * 2 * 9 * 2 * 2);
  const double second_block = 2 * 9 * 2 * 4 + 2 * 2 * 4 + 2 * 9 * 4 * 4;
  const double embedding = 2 * 4 * 3, blstm = 2 * 2 * (4 * 2 * 3 + 4 * 2 * 2), head = 2 * 4 * 5;
  EXPECT_EQ(work.multiply_adds, front + first_block + second_block + embedding + blstm + head);
  EXPECT_EQ(work.parameters, 980);
  // Front, pool, two blocks (the second with a shortcut), pool, embedding, its batch norm, BLSTM, head.
  EXPECT_EQ(work.inference_values, 192 + 80 + (32 + 48) + (24 + 24 + 24) + 16 + 14 + 12 + 14 + 18);
}

TEST(WorkCount, CountsEveryParameterOfTheFullNetworks) {
  backend::cpu::CpuBackend backend(1);
  for (const auto& [streams, name] : models::kStreamNames) {
    models::NetworkConfig config;
    config.streams = streams;
    EXPECT_EQ(work_of_clip(config, 29).parameters, models::declare_network(backend, config)->parameters().count())
        << name;
  }
}

TEST(WorkCount, GrowsWithTheFrames) {
  models::NetworkConfig config;
  config.streams = models::Streams::audio;
  const Work one = work_of_clip(config, 29), two = work_of_clip(config, 58);
  EXPECT_EQ(two.multiply_adds, 2 * one.multiply_adds);
  EXPECT_EQ(two.parameters, one.parameters);
}

TEST(WorkCount, ATrainingStepIsThreeForwardPasses) {
  const Work work{.multiply_adds = 10, .parameters = 3, .inference_values = 5, .training_values = 20};
  EXPECT_EQ(flop_of(work, Task::inference, 4), 80);
  EXPECT_EQ(flop_of(work, Task::training, 4), 240);
  EXPECT_EQ(bytes_of(work, Task::inference, 4, 2), 4 * 5 * 2 + 3 * 4);
  EXPECT_EQ(bytes_of(work, Task::training, 4, 2), 4 * 20 * 2 + 3 * 10 * 4);
}

TEST(WorkCount, RefusesWhatItDoesNotCount) {
  models::NetworkConfig config = small_video();
  config.back_end = models::BackEnd::temporal_conv;
  EXPECT_THROW(work_of_clip(config, 29), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::bench
