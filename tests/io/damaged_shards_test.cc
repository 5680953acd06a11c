// Shards that are not what they should be: every damage is noticed and named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "io/shard_index.h"
#include "io/shards.h"
#include "tests/io/shard_clips.h"
#include "tests/io/support.h"

namespace avsr::io {
namespace {

using testing::HasSubstr;

class DamagedShard : public testing::Test {
 protected:
  void SetUp() override {
    write_clips(folder_.path(), some_clips(4));
    bytes_ = read_binary_file(shard_);
    index_ = read_index(shard_);
  }

  const MemberPlace& member(size_t clip, size_t number) const { return index_[clip].members[number]; }
  void store() { write_bytes(shard_, bytes_); }
  void remove_index() { std::filesystem::remove(index_path(shard_)); }
  // The error of opening the data and reading all of it.
  std::string error() const {
    return error_of<std::runtime_error>([&] {
      const ShardDataset data = ShardDataset::open(folder_.path());
      for (int i = 0; i < data.size(); ++i) data.read(i);
    });
  }

  TemporaryFolder folder_;
  std::string shard_ = folder_ / "train-000000.tar";
  std::vector<uint8_t> bytes_;
  ShardIndex index_;
};

TEST_F(DamagedShard, ChangedBytesAreNoticedAndNamed) {
  for (size_t number = 1; number < 3; ++number) {
    std::vector<uint8_t> whole = bytes_;
    bytes_[member(2, number).offset + member(2, number).bytes / 2] ^= 0x10;
    store();
    EXPECT_THAT(error(), testing::AllOf(HasSubstr(shard_), HasSubstr("clip_2"), HasSubstr(member(2, number).ending)));
    bytes_ = whole;
  }
}

TEST_F(DamagedShard, CutWithinAMember) {
  bytes_.resize(member(3, 1).offset + 10);
  store();
  EXPECT_THAT(error(), testing::AllOf(HasSubstr(shard_), HasSubstr("clip_3")));
}

TEST_F(DamagedShard, CutWithinAHeader) {
  bytes_.resize(member(3, 1).offset - 100);
  store();
  EXPECT_THAT(error(), HasSubstr(shard_));
}

TEST_F(DamagedShard, OverwrittenHeader) {
  std::fill_n(bytes_.begin() + static_cast<ptrdiff_t>(member(1, 0).offset) - 512, 512, 0x55);
  store();
  remove_index();
  EXPECT_THAT(error(), HasSubstr(shard_));
}

TEST_F(DamagedShard, BrokenMetadata) {
  bytes_[member(1, 0).offset] = '[';
  store();
  remove_index();
  EXPECT_THAT(error(), testing::AllOf(HasSubstr(shard_), HasSubstr("clip_1")));
}

TEST_F(DamagedShard, EmptyAndNoTar) {
  bytes_.clear();
  store();
  EXPECT_THAT(error(), HasSubstr("empty"));
  bytes_.assign(5000, 'x');
  store();
  EXPECT_THAT(error(), HasSubstr(shard_));
}

TEST_F(DamagedShard, KeyInTwoShards) {
  std::filesystem::copy(shard_, folder_ / "train-000001.tar");
  EXPECT_THAT(error(), testing::AllOf(HasSubstr("train-000001.tar"), HasSubstr("clip_0")));
}

TEST_F(DamagedShard, NoShards) {
  EXPECT_THROW(ShardDataset::open(folder_ / "none"), std::runtime_error);
  EXPECT_THAT(error_of<std::runtime_error>([] {
                const TemporaryFolder empty;
                ShardDataset::open(empty.path());
              }),
              HasSubstr("avsr prepare"));
}

// Random flips anywhere: an error or the right clip, never a crash or other data.
TEST_F(DamagedShard, RandomFlips) {
  std::mt19937 random(7);
  const std::vector<uint8_t> whole = bytes_;
  std::vector<Clip> clips = some_clips(4);
  for (int round = 0; round < 60; ++round) {
    bytes_ = whole;
    bytes_[random() % bytes_.size()] ^= static_cast<uint8_t>(1u << random() % 8);
    store();
    if (round % 2) remove_index();
    try {
      const ShardDataset data = ShardDataset::open(folder_.path());
      for (int i = 0; i < data.size(); ++i) {
        const Clip clip = data.read(i);
        EXPECT_LT(clip.mouth.count, 100);
      }
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), HasSubstr("train-000000"));
    }
  }
}

}  // namespace
}  // namespace avsr::io
