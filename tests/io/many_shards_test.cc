// A data set of more shards than a process may have open files.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "io/shards.h"
#include "tests/io/support.h"

namespace avsr::io {
namespace {

class FewerOpenFiles {
 public:
  explicit FewerOpenFiles(rlim_t most) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit lower{most, before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &lower);
  }
  ~FewerOpenFiles() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(ManyShards, AreReadWithFewOpenFiles) {
  const TemporaryFolder folder;
  Clip clip;
  clip.split = "train";
  clip.mouth = {1, 8, 8, std::vector<uint8_t>(64, 100)};
  ShardWriter writer(folder.path(), "train", {1});  // each clip fills a shard
  for (int i = 0; i < 40; ++i) {
    clip.key = fmt::format("clip_{}", i);
    writer.add(clip);
  }
  ASSERT_EQ(writer.shards().size(), 40u);

  const FewerOpenFiles few(24);
  const ShardDataset first = ShardDataset::open(folder.path()), second = ShardDataset::open(folder.path(), "train");
  ASSERT_EQ(second.size(), 40);
  for (int i = 0; i < second.size(); ++i) EXPECT_EQ(second.read(i).mouth.count, 1) << i;
}

}  // namespace
}  // namespace avsr::io
