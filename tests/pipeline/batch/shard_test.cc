#include "pipeline/batch/shard.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>
#include <string>

#include "tests/small_files.h"

namespace avsr::pipeline {
namespace {

TEST(Shard, EveryFileIsInExactlyOne) {
  for (const int of : {1, 2, 3, 7, 16}) {
    std::map<int, int> sizes;
    for (int i = 0; i < 2000; ++i) {
      int holders = 0;
      for (int index = 1; index <= of; ++index)
        if (Shard{index, of}.holds(fmt::format("s1/clip{}.mp4", i))) {
          ++holders;
          ++sizes[index];
        }
      ASSERT_EQ(holders, 1) << i;
    }
    for (const auto& [index, size] : sizes) EXPECT_NEAR(size, 2000. / of, 5 * std::sqrt(2000. / of)) << index;
  }
}

TEST(Shard, IsWrittenAsIOfN) {
  EXPECT_EQ(parse_shard("2/4"), (Shard{2, 4}));
  EXPECT_EQ((Shard{2, 4}).suffix(), "-2-of-4");
  EXPECT_EQ(Shard{}.suffix(), "");
  for (const char* wrong : {"", "2", "0/4", "5/4", "a/b", "1/4x", "-1/2", "1/9999999999"})
    EXPECT_THAT(tests::failure_of([&] { parse_shard(wrong); }), testing::HasSubstr("--shard: expected i/n")) << wrong;
}

TEST(Shard, OfRanksComesFromTheirLauncher) {
  for (const char* name :
       {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "PMI_SIZE", "PMI_RANK"})
    if (std::getenv(name)) GTEST_SKIP() << "started by a launcher";
  EXPECT_EQ(launched_shard(), Shard{});
  const auto with = [](const char* size_name, const char* rank_name, const char* rank) {
    setenv(size_name, "4", 1);
    setenv(rank_name, rank, 1);
    Shard shard;
    const std::string error = tests::failure_of([&] { shard = launched_shard(); });
    unsetenv(size_name);
    unsetenv(rank_name);
    return error.empty() ? shard.text() : error;
  };
  EXPECT_EQ(with("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "2"), "3/4");
  EXPECT_EQ(with("SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "0"), "1/4");
  EXPECT_EQ(with("PMI_SIZE", "PMI_RANK", "3"), "4/4");
  EXPECT_THAT(with("PMI_SIZE", "PMI_RANK", "4"), testing::HasSubstr("--shard"));
}

TEST(Shard, OfAShardIsAShardOfTheWhole) {
  for (const std::string name : {"a", "b", "talk.mp4", "x/y"}) {
    int holders = 0;
    for (int outer = 1; outer <= 3; ++outer)
      for (int inner = 1; inner <= 2; ++inner) holders += divided({outer, 3}, {inner, 2}).holds(name) ? 1 : 0;
    EXPECT_EQ(holders, 1) << name;
  }
  EXPECT_EQ(divided({2, 3}, {}), (Shard{2, 3}));
  EXPECT_EQ(divided({3, 3}, {2, 2}), (Shard{6, 6}));
}

}  // namespace
}  // namespace avsr::pipeline
