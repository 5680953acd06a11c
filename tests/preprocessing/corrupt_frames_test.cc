#include "preprocessing/corrupt_frames.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

namespace avsr::preprocessing {
namespace {

// Frame t is dark but for column t (counted on from the first one beyond the last).
io::Frames stripes(int count = 20, int side = 40) {
  io::Frames frames{count, side, side, std::vector<uint8_t>(static_cast<size_t>(count * side * side), 20)};
  for (int t = 0; t < count; ++t)
    for (int row = 0; row < side; ++row) frames.frame(t)[row * side + t % side] = 220;
  return frames;
}

TEST(CorruptFrames, BlurSpreadsAsAGaussian) {
  io::Frames frames = stripes();
  blur(frames, 2);
  const uint8_t* row = frames.frame(15) + 10 * 40;
  const double peak = row[15] - 20.0;
  EXPECT_NEAR(peak, 200 / (2 * std::sqrt(2 * M_PI)), 2);  // 39.9
  EXPECT_NEAR((row[17] - 20.0) / peak, std::exp(-0.5), 0.05);
  EXPECT_EQ(row[30], 20);
}

TEST(CorruptFrames, OcclusionCoversItsShareAtOnePlaceOfTheClip) {
  const io::Frames before = stripes();
  io::Frames frames = before;
  occlude(frames, 0.25, Random(3));
  const auto changed = [&](int t) {
    int count = 0;
    for (size_t i = 0; i < before.frame_size(); ++i) count += frames.frame(t)[i] != before.frame(t)[i];
    return count;
  };
  for (const int t : {0, 7, 19}) EXPECT_EQ(changed(t), 400) << t;  // 20 x 20 of 40 x 40
  io::Frames again = before, other = before, all = before, none = before;
  occlude(again, 0.25, Random(3));
  occlude(other, 0.25, Random(4));
  EXPECT_EQ(frames.pixels, again.pixels);
  EXPECT_NE(frames.pixels, other.pixels);
  occlude(all, 1, Random(3));
  EXPECT_THAT(all.pixels, testing::Each(25));  // the mean
  occlude(none, 0, Random(3));
  EXPECT_EQ(none.pixels, before.pixels);
}

TEST(CorruptFrames, DroppedFramesShowTheOneBefore) {
  const io::Frames before = stripes(400, 4);
  io::Frames frames = before;
  drop_frames(frames, 0.3, Random(1));
  int lost = 0;
  for (int t = 1; t < frames.count; ++t) {
    const bool kept = std::equal(frames.frame(t), frames.frame(t) + 16, before.frame(t)),
               held = std::equal(frames.frame(t), frames.frame(t) + 16, frames.frame(t - 1));
    EXPECT_TRUE(kept || held) << t;
    lost += !kept;
  }
  EXPECT_NEAR(lost, 120, 40);  // of 399, and some that held what they would have shown
  io::Frames all = stripes();
  drop_frames(all, 1, Random(1));
  for (int t = 1; t < all.count; ++t) EXPECT_TRUE(std::equal(all.frame(t), all.frame(t) + 1600, stripes().frame(0)));
}

}  // namespace
}  // namespace avsr::preprocessing
