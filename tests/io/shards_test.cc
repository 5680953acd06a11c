// Packed clips: round trips, random access with and without the index. Damage is in damaged_shards_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>

#include "io/shard_index.h"
#include "io/shards.h"
#include "tests/io/shard_clips.h"
#include "tests/io/support.h"

namespace avsr::io {
namespace {

using testing::HasSubstr;

void expect_same(const Clip& a, const Clip& b) {
  EXPECT_EQ(a.key, b.key);
  EXPECT_EQ(a.split, b.split);
  EXPECT_EQ(a.speaker, b.speaker);
  EXPECT_EQ(a.label, b.label);
  ASSERT_EQ(a.words.size(), b.words.size());
  for (size_t i = 0; i < a.words.size(); ++i) {
    EXPECT_EQ(a.words[i].text, b.words[i].text);
    EXPECT_EQ(a.words[i].start_seconds, b.words[i].start_seconds);
    EXPECT_EQ(a.words[i].end_seconds, b.words[i].end_seconds);
  }
  EXPECT_EQ(a.source_fps, b.source_fps);
  EXPECT_EQ(a.quality.method, b.quality.method);
  EXPECT_EQ(a.quality.reason, b.quality.reason);
  EXPECT_EQ(a.quality.frames, b.quality.frames);
  EXPECT_EQ(a.quality.frames_without_face, b.quality.frames_without_face);
  EXPECT_EQ(a.quality.frames_outside, b.quality.frames_outside);
  EXPECT_EQ(a.mouth.count, b.mouth.count);
  EXPECT_EQ(a.mouth.height, b.mouth.height);
  EXPECT_EQ(a.mouth.width, b.mouth.width);
  ASSERT_EQ(a.mouth.pixels.size(), b.mouth.pixels.size());
  for (size_t i = 0; i < a.mouth.pixels.size(); ++i) ASSERT_NEAR(a.mouth.pixels[i], b.mouth.pixels[i], 40) << i;
  double error = 0;
  for (size_t i = 0; i < a.mouth.pixels.size(); ++i) error += std::abs(a.mouth.pixels[i] - b.mouth.pixels[i]);
  EXPECT_LE(error, 2 * static_cast<double>(a.mouth.pixels.size()));
  ASSERT_EQ(a.audio.samples.size(), b.audio.samples.size());
  for (size_t i = 0; i < a.audio.samples.size(); ++i) ASSERT_NEAR(a.audio.samples[i], b.audio.samples[i], 2e-5);
}

TEST(Shards, RoundTripOverSeveralShards) {
  const TemporaryFolder folder;
  const std::vector<Clip> clips = some_clips(12);
  write_clips(folder.path(), clips, 20000);
  EXPECT_TRUE(std::filesystem::exists(folder / "train-000002.tar"));
  const ShardDataset data = ShardDataset::open(folder.path());
  ASSERT_EQ(data.size(), 12);
  for (int i = 11; i >= 0; --i) {
    EXPECT_EQ(data.record(i).clip.mouth.count, clips[i].mouth.count);
    EXPECT_TRUE(data.record(i).clip.mouth.pixels.empty());
    EXPECT_EQ(data.record(i).samples, static_cast<int64_t>(clips[i].audio.samples.size()));
    expect_same(data.read(i), clips[i]);
  }
  EXPECT_THROW(data.record(12), std::invalid_argument);
  EXPECT_THROW(data.read(-1), std::invalid_argument);
}

TEST(Shards, SplitsAndParts) {
  const TemporaryFolder folder;
  write_clips(folder.path(), some_clips(9));
  const ShardDataset data = ShardDataset::open(folder.path(), "test");
  ASSERT_EQ(data.size(), 3);
  EXPECT_EQ(data.record(1).clip.key, "clip_3");
  EXPECT_EQ(ShardDataset::open(folder.path(), "val").size(), 0);
  const Clip video = data.read(1, ClipPart::kVideo), audio = data.read(1, ClipPart::kAudio);
  EXPECT_TRUE(video.has_video() && !video.has_audio());
  EXPECT_TRUE(audio.has_audio() && !audio.has_video());
}

TEST(Shards, SameClipsGiveTheSameBytes) {
  const TemporaryFolder folder;
  write_clips(folder / "a", some_clips(4));
  write_clips(folder / "b", some_clips(4));
  for (const std::string name : {"train-000000.tar", "train-000000.idx"}) {
    EXPECT_EQ(read_binary_file(folder / ("a/" + name)), read_binary_file(folder / ("b/" + name)));
  }
}

TEST(Shards, IndexEqualsWhatATarReaderFinds) {
  const TemporaryFolder folder;
  write_clips(folder.path(), some_clips(5));
  const std::string shard = folder / "train-000000.tar";
  const ShardIndex index = read_index(shard), scanned = scan_shard(shard);
  ASSERT_EQ(index.size(), 5u);
  ASSERT_EQ(scanned.size(), 5u);
  for (size_t i = 0; i < index.size(); ++i) {
    ASSERT_EQ(index[i].members.size(), 3u);
    for (size_t m = 0; m < 3; ++m) {
      EXPECT_EQ(index[i].members[m].ending, scanned[i].members[m].ending);
      EXPECT_EQ(index[i].members[m].offset, scanned[i].members[m].offset);
      EXPECT_EQ(index[i].members[m].bytes, scanned[i].members[m].bytes);
    }
  }
}

TEST(Shards, ReadsWithoutIndexAndWithAStaleOne) {
  const TemporaryFolder folder;
  const std::vector<Clip> clips = some_clips(4);
  write_clips(folder / "data", clips);
  write_clips(folder / "other", some_clips(2));
  std::filesystem::copy(folder / "other/train-000000.idx", folder / "data/train-000000.idx",
                        std::filesystem::copy_options::overwrite_existing);
  expect_same(ShardDataset::open(folder / "data").read(3), clips[3]);
  std::filesystem::remove(folder / "data/train-000000.idx");
  expect_same(ShardDataset::open(folder / "data").read(3), clips[3]);
}

TEST(Shards, AChangedIndexDoesNotCount) {
  const TemporaryFolder folder;
  write_clips(folder.path(), some_clips(4));
  const std::string index = folder / "train-000000.idx", whole = read_text_file(index);
  std::string changed = whole;
  changed.replace(changed.find("ABOUT"), 5, "ABOVE");
  write_file_atomically(index, changed);
  EXPECT_EQ(ShardDataset::open(folder.path()).record(0).clip.label, "ABOUT");
}

TEST(Shards, APipeIsNoShard) {
  const TemporaryFolder folder;
  write_clips(folder.path(), some_clips(1));
  ASSERT_EQ(mkfifo((folder / "pipe.tar").c_str(), 0600), 0);
  EXPECT_THAT(error_of<std::runtime_error>([&] { ShardDataset::open(folder.path()); }), HasSubstr("pipe.tar"));
}

// Packed again by the tar program with long-name extensions before each header.
TEST(Shards, ReadsTarFilesMadeByTar) {
  if (!have_program("tar")) GTEST_SKIP() << "no tar program";
  const TemporaryFolder folder;
  const std::vector<Clip> clips = some_clips(4);
  write_clips(folder / "data", clips);
  const std::string in = folder / "in", out = folder / "out";
  std::filesystem::create_directories(in);
  std::filesystem::create_directories(out);
  const std::string listing = folder / "list.txt";
  ASSERT_EQ(std::system(("tar tf " + folder / "data/train-000000.tar" + " > " + listing).c_str()), 0);
  EXPECT_EQ(read_text_file(listing).substr(0, 47), "clip_0.json\nclip_0.mouth.jpg\nclip_0.flac\nclip_1");
  for (const std::string format : {"pax", "gnu", "ustar"}) {
    ASSERT_EQ(std::system(("cd " + in + " && tar xf ../data/train-000000.tar && tar --format=" + format +
                           " --pax-option=comment=hello -cf " + out +
                           "/x.tar $(ls | sort -r) 2>/dev/null || tar --format=" + format + " -cf " + out +
                           "/x.tar $(ls | sort -r)")
                              .c_str()),
              0);
    const ShardDataset data = ShardDataset::open(out);
    ASSERT_EQ(data.size(), 4) << format;
    for (int i = 0; i < 4; ++i) expect_same(data.read(i), clips[static_cast<size_t>(3 - i)]);
  }
}

TEST(Shards, LongClipsGoOnInFurtherMembers) {
  const TemporaryFolder folder;
  const int rows = 1000, count = 150;  // 65 frames a member
  Clip clip = make_clip("long", count, "train", rows, 8);
  write_clips(folder.path(), {clip});
  const ShardIndex index = read_index(folder / "train-000000.tar");
  ASSERT_EQ(index[0].members.size(), 5u);
  EXPECT_EQ(index[0].members[1].ending, ".mouth.jpg");
  EXPECT_EQ(index[0].members[2].ending, ".mouth.1.jpg");
  EXPECT_EQ(index[0].members[3].ending, ".mouth.2.jpg");
  expect_same(ShardDataset::open(folder.path()).read(0), clip);
}

TEST(Shards, ClipsWithOneStreamOnly) {
  const TemporaryFolder folder;
  Clip video = make_clip("video"), audio = make_clip("audio");
  video.audio = {};
  audio.mouth = {};
  write_clips(folder.path(), {video, audio});
  const ShardDataset data = ShardDataset::open(folder.path());
  expect_same(data.read(0), video);
  expect_same(data.read(1), audio);
}

TEST(Shards, RefusesBadClips) {
  const TemporaryFolder folder;
  ShardWriter writer(folder.path(), "train");
  writer.add(make_clip("a"));
  EXPECT_THAT(error_of<std::invalid_argument>([&] { writer.add(make_clip("a")); }), HasSubstr("twice"));
  for (const std::string key : {"", "a.b", "a b", "ä", "../x"})
    EXPECT_THROW(pack_clip(make_clip(key)), std::invalid_argument) << key;
  EXPECT_THROW(pack_clip(make_clip(std::string(81, 'k'))), std::invalid_argument);
  EXPECT_NO_THROW(pack_clip(make_clip(std::string(80, 'k'))));
  EXPECT_THROW(pack_clip(make_clip("x", 3, "")), std::invalid_argument);
  Clip wrong = make_clip("x");
  wrong.mouth.pixels.pop_back();
  EXPECT_THROW(pack_clip(wrong), std::invalid_argument);
  EXPECT_THROW(pack_clip(make_clip("x", 0)), std::invalid_argument) << "neither frames nor sound";
}

TEST(Shards, UnfinishedWriterLeavesNothing) {
  const TemporaryFolder folder;
  {
    ShardWriter writer(folder.path(), "train");
    writer.add(make_clip("a"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Shards, ThreadsReadTheSame) {
  const TemporaryFolder folder;
  const std::vector<Clip> clips = some_clips(16);
  write_clips(folder.path(), clips, 30000);
  const ShardDataset data = ShardDataset::open(folder.path());
  std::vector<Clip> read(64);
  std::vector<std::thread> threads;
  for (int worker = 0; worker < 4; ++worker) {
    threads.emplace_back([&, worker] {
      for (int i = worker; i < 64; i += 4) read[static_cast<size_t>(i)] = data.read(i % 16);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < 64; ++i) ASSERT_EQ(read[i].mouth.pixels, data.read(static_cast<int>(i % 16)).mouth.pixels);
}

}  // namespace
}  // namespace avsr::io
