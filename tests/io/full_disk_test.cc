// A full disk: every writer says which file it could not write, leaves no half of it, and keeps what was there before.
#include "tests/full_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "io/atomic_file.h"
#include "io/image_file.h"
#include "io/shards.h"
#include "io/video_writer.h"
#include "tests/io/support.h"

namespace avsr::io {
namespace {

using testing::HasSubstr;
using tests::FullDisk;

constexpr rlim_t kRoom = 4096;

Frames noise(int frames, int size) {
  std::minstd_rand random;
  Frames result{frames, size, size, {}};
  result.pixels.resize(result.frame_size() * static_cast<size_t>(frames));
  for (uint8_t& pixel : result.pixels) pixel = static_cast<uint8_t>(random() >> 8);
  return result;
}

size_t files_in(const std::string& folder) {
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++files;
  return files;
}

// `write` fails on a full disk, says `file`, and leaves the folder as it was.
template <typename Write>
void expect_failure(const TemporaryFolder& folder, const std::string& file, Write&& write) {
  const size_t before = files_in(folder.path());
  {
    const FullDisk full(kRoom);
    EXPECT_THAT(error_of<std::runtime_error>(write), HasSubstr(file));
  }
  EXPECT_EQ(files_in(folder.path()), before) << file;
}

TEST(FullDisk, TheOldFileStaysWhole) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a.txt", "old");
  expect_failure(folder, "a.txt", [&] { write_file_atomically(folder / "a.txt", std::string(10000, 'x')); });
  EXPECT_EQ(read_text_file(folder / "a.txt"), "old");
}

TEST(FullDisk, Pictures) {
  const TemporaryFolder folder;
  const Frames pixels = noise(1, 128);
  expect_failure(folder, "a.png", [&] { write_image(folder / "a.png", Image{128, 128, 1, pixels.pixels}); });
}

TEST(FullDisk, Videos) {
  const TemporaryFolder folder;
  VideoWriterOptions options;
  options.layout = PixelLayout::kGrey;
  options.crf = 5;
  expect_failure(folder, "a.mp4", [&] { write_video(folder / "a.mp4", noise(20, 128), {}, options); });
}

TEST(FullDisk, Shards) {
  const TemporaryFolder folder;
  Clip clip;
  clip.key = "clip";
  clip.label = "word";
  clip.split = "train";
  clip.mouth = noise(29, 96);
  clip.quality = {"fixed", "ok", 29, 0, 0};
  expect_failure(folder, "train-000000.tar", [&] {
    ShardWriter writer(folder.path(), "train");
    writer.add(clip);
    writer.finish();
  });
}

}  // namespace
}  // namespace avsr::io
