#include "io/video_rewriter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "io/media_reader.h"
#include "io/video_writer.h"
#include "tests/io/clapper.h"
#include "tests/io/support.h"

namespace avsr::io {
namespace {

// Left half red, right half blue, with a tone.
std::string red_and_blue(const std::string& path, int rotation) {
  VideoWriterOptions options;
  options.width = 64;
  options.height = 32;
  options.rotation_degrees = rotation;
  VideoWriter writer(path, options);
  std::vector<uint8_t> picture(64 * 32 * 3);
  for (size_t i = 0; i < picture.size() / 3; ++i) picture[3 * i + (i % 64 < 32 ? 2 : 0)] = 200;
  for (int frame = 0; frame < 30; ++frame) writer.add_frame(picture.data());
  const Waveform sound = tone(1.2, 440);
  writer.add_samples(sound.samples.data(), sound.samples.size());
  writer.finish();
  return path;
}

double energy(const Waveform& wave) {
  return std::inner_product(wave.samples.begin(), wave.samples.end(), wave.samples.begin(), 0.);
}

TEST(VideoRewriter, HandsOutColoursUprightAndKeepsTheSound) {
  const TemporaryFolder folder;
  const std::string from = red_and_blue(folder / "from.mp4", 90), to = folder / "to.mp4";
  int64_t frames = 0;
  rewrite_video(from, to, {}, [&](int64_t frame, uint8_t* bgr, int height, int width) {
    EXPECT_EQ(frame, frames++);
    ASSERT_EQ(height, 64);
    ASSERT_EQ(width, 32);
    const uint8_t *top = bgr + 8 * 32 * 3, *bottom = bgr + 56 * 32 * 3;  // turned clockwise, the left is above
    EXPECT_GT(top[2], top[0] + 100);
    EXPECT_GT(bottom[0], bottom[2] + 100);
    if (frame >= 15) std::fill_n(bgr, static_cast<size_t>(height) * width * 3, uint8_t{255});
  });
  EXPECT_EQ(frames, 30);
  const Media before = read_media(from), after = read_media(to);
  EXPECT_EQ(after.frames.count, 30);
  EXPECT_EQ(after.frames.height, 64);
  EXPECT_LT(after.frames.frame(14)[0], 120);
  EXPECT_GT(after.frames.frame(15)[0], 240);
  EXPECT_NEAR(energy(after.audio) / energy(before.audio), 1, 0.1);
}

TEST(VideoRewriter, MakesLargePicturesSmallerAndNamesWhatHasNone) {
  const TemporaryFolder folder;
  const std::string from = red_and_blue(folder / "from.mp4", 0);
  rewrite_video(from, folder / "small.mp4", {.longest_side = 32}, {});
  const MediaReader small = MediaReader::open(folder / "small.mp4");
  EXPECT_EQ(small.info().width, 32);
  EXPECT_EQ(small.info().height, 16);
  write_file_atomically(folder / "text.mp4", "no video");
  EXPECT_THAT(error_of<std::runtime_error>([&] { rewrite_video(folder / "text.mp4", folder / "x.mp4", {}, {}); }),
              testing::HasSubstr("text.mp4"));
  EXPECT_FALSE(std::filesystem::exists(folder / "x.mp4"));
}

}  // namespace
}  // namespace avsr::io
