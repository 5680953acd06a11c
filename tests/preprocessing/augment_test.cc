#include "preprocessing/augment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <set>

#include "preprocessing/normalise.h"

namespace avsr::preprocessing {
namespace {

// Every frame shows the same smooth picture.
io::Frames still_clip(int count, int size) {
  io::Frames frames{count, size, size, {}};
  for (int t = 0; t < count; ++t) {
    for (int y = 0; y < size; ++y) {
      for (int x = 0; x < size; ++x) frames.pixels.push_back(static_cast<uint8_t>(60 + x + y / 2));
    }
  }
  return frames;
}

AugmentSettings everything() {
  AugmentSettings settings;
  settings.rotation_degrees = 10;
  settings.scaling = 0.1;
  settings.brightness = 20;
  settings.contrast = 0.2;
  return settings;
}

TEST(Random, KnownValuesOnEveryMachine) {
  // The published first outputs of splitmix64 for state 0 and for the FNV-1a of "a".
  EXPECT_EQ(mix(0), 0xE220A8397B1DCDAFu);
  EXPECT_EQ(hash_text("a"), mix(0xAF63DC4C8601EC8Cu));
  EXPECT_NE(derive_key(1, 2), derive_key(2, 1));
  EXPECT_NE(derive_key(1, 2, 3), derive_key(1, 3, 2));
}

TEST(Random, DrawsAreUniformAndInRange) {
  Random random(1);
  std::array<int, 5> counts{};
  for (int i = 0; i < 10000; ++i) ++counts[random.between(-2, 2) + 2];
  for (const int count : counts) EXPECT_NEAR(count, 2000, 200);
  double sum = 0, squares = 0;
  for (int i = 0; i < 20000; ++i) {
    const double u = random.uniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    const double n = random.normal();
    sum += n;
    squares += n * n;
  }
  EXPECT_NEAR(sum / 20000, 0, 0.03);
  EXPECT_NEAR(squares / 20000, 1, 0.05);
  EXPECT_EQ(random.below(1), 0u);
  // Three quarters of the range: a plain remainder would give the first third half of the time.
  int low = 0;
  for (int i = 0; i < 3000; ++i) low += random.below(3ull << 62) < (1ull << 62);
  EXPECT_NEAR(low, 1000, 120);
}

TEST(Augment, SameKeySameClipOtherKeyOtherClip) {
  const io::Frames frames = still_clip(5, 96);
  const FrameGeometry geometry;
  const io::Frames a = augment_video(everything(), geometry, frames, Random(1, 2, "clip"));
  EXPECT_EQ(a.pixels, augment_video(everything(), geometry, frames, Random(1, 2, "clip")).pixels);
  EXPECT_NE(a.pixels, augment_video(everything(), geometry, frames, Random(1, 3, "clip")).pixels);
  EXPECT_NE(a.pixels, augment_video(everything(), geometry, frames, Random(2, 2, "clip")).pixels);
  EXPECT_NE(a.pixels, augment_video(everything(), geometry, frames, Random(1, 2, "clap")).pixels);
}

TEST(Augment, AllFramesAlike) {
  const io::Frames frames = still_clip(7, 96);
  for (int k = 0; k < 10; ++k) {
    const io::Frames out = augment_video(everything(), {88, 44}, frames, Random(1, k, "clip"));
    ASSERT_EQ(out.count, 7);
    ASSERT_EQ(out.height, 44);
    for (int t = 1; t < 7; ++t) EXPECT_EQ(std::memcmp(out.frame(0), out.frame(t), out.frame_size()), 0);
  }
}

TEST(Augment, CropsEverywhereAndFlipsHalf) {
  const io::Frames frames = still_clip(1, 96);
  std::set<std::pair<int, int>> corners;
  int flips = 0;
  for (int k = 0; k < 2000; ++k) {
    const VideoDraw draw = draw_video({}, {}, frames, Random(1, k, "clip"));
    corners.insert({draw.top, draw.left});
    flips += draw.flip;
    EXPECT_EQ(draw.scale, 1);
    EXPECT_EQ(draw.angle, 0);
  }
  EXPECT_EQ(corners.size(), 81u);  // offsets 0 … 8 both ways
  EXPECT_EQ(corners.rbegin()->first, 8);
  EXPECT_NEAR(flips, 1000, 100);
}

TEST(Augment, CropAndFlipMovePixelsOnly) {
  const io::Frames frames = still_clip(2, 96);
  VideoDraw draw;
  draw.top = 3;
  draw.left = 5;
  io::Frames out = apply(draw, {}, frames);
  EXPECT_EQ(out.frame(1)[10 * 88 + 20], frames.frame(1)[13 * 96 + 25]);
  draw.flip = true;
  out = apply(draw, {}, frames);
  EXPECT_EQ(out.frame(1)[10 * 88 + 20], frames.frame(1)[13 * 96 + 5 + 87 - 20]);
  draw.left = 9;
  EXPECT_THROW(apply(draw, {}, frames), std::invalid_argument);
}

TEST(Augment, WarpWithoutTurningEqualsTheCrop) {
  const io::Frames frames = still_clip(1, 96);
  VideoDraw plain, warped;
  plain.top = warped.top = 2;
  plain.left = warped.left = 6;
  for (const bool flip : {false, true}) {
    plain.flip = warped.flip = flip;
    warped.angle = 1e-9;
    EXPECT_EQ(apply(plain, {}, frames).pixels, apply(warped, {}, frames).pixels);
  }
}

TEST(Augment, EnlargesAndTurnsAboutTheCentre) {
  const io::Frames frames = still_clip(1, 96);
  VideoDraw draw = centre_draw({}, frames);
  draw.scale = 2;
  const io::Frames large = apply(draw, {}, frames);
  // Value 60 + x + y / 2 with x = 4 + 43.5 + (20 - 43.5) / 2 and y likewise for row 60.
  EXPECT_NEAR(large.frame(0)[60 * 88 + 20], 60 + 47.5 - 23.5 / 2 + (47.5 + 16.5 / 2) / 2, 1.5);
  draw.scale = 1;
  draw.angle = 3.14159265358979 / 2;  // crop's x axis points down in the source
  const io::Frames turned = apply(draw, {}, frames);
  EXPECT_NEAR(turned.frame(0)[60 * 88 + 20], 60 + 47.5 - 16.5 + (47.5 - 23.5) / 2, 1.5);
}

TEST(Augment, BrightnessContrastAndTimeMask) {
  io::Frames frames = still_clip(4, 96);
  VideoDraw draw = centre_draw({}, frames);
  draw.brightness = 10;
  const io::Frames plain = centre_crop({}, frames), bright = apply(draw, {}, frames);
  for (size_t i = 0; i < plain.pixels.size(); i += 97) EXPECT_EQ(bright.pixels[i], std::min(255, plain.pixels[i] + 10));
  draw.brightness = 0;
  draw.contrast = 0;
  EXPECT_THAT(apply(draw, {}, frames).pixels, testing::Each(apply(draw, {}, frames).pixels[0]));

  for (int t = 0; t < 4; ++t) std::memset(frames.frame(t), 11 * t + t / 3, frames.frame_size());
  draw.contrast = 1;
  draw.mask_start = 1;
  draw.mask_frames = 2;
  const io::Frames masked = apply(draw, {}, frames);
  EXPECT_EQ(masked.frame(0)[5], 0);
  EXPECT_EQ(masked.frame(1)[5], 17) << "mean of 0, 11, 22 and 34, rounded";
  EXPECT_EQ(masked.frame(2)[5], 17);
  EXPECT_EQ(masked.frame(3)[5], 34);
}

TEST(Augment, CentreCropAndErrors) {
  const io::Frames frames = still_clip(2, 96);
  const io::Frames crop = centre_crop({88, 88}, frames);
  EXPECT_EQ(crop.frame(1)[0], frames.frame(1)[4 * 96 + 4]);
  EXPECT_EQ(centre_crop({96, 96}, frames).pixels, frames.pixels);
  EXPECT_THROW(centre_crop({97, 97}, frames), std::invalid_argument);
  EXPECT_THROW(centre_crop({0, 88}, frames), std::invalid_argument);
  AugmentSettings settings;
  settings.flip_probability = 1.5;
  EXPECT_THROW(settings.validate(), std::invalid_argument);
}

TEST(Resize, AveragesAreas) {
  io::Frames frames{1, 2, 4, {10, 20, 100, 120, 30, 40, 140, 160}};
  const io::Frames half = resize(frames, 1, 2);
  EXPECT_EQ(half.pixels, (std::vector<uint8_t>{25, 130}));
  EXPECT_EQ(resize(frames, 2, 4).pixels, frames.pixels);
  EXPECT_THROW(resize(frames, 0, 4), std::invalid_argument);
}

TEST(MaskAudio, ClearsOneShortStretch) {
  AugmentSettings settings;
  settings.audio_mask_probability = 1;
  int longest = 0;
  for (int k = 0; k < 20; ++k) {
    io::Waveform wave;
    wave.samples.assign(18560, 1.0f);
    mask_audio(settings, wave, Random(1, k, "clip"));
    int zeros = 0, edges = 0;
    for (size_t i = 0; i < wave.samples.size(); ++i) {
      zeros += wave.samples[i] == 0;
      edges += i > 0 && wave.samples[i] != wave.samples[i - 1];
    }
    EXPECT_LE(zeros, 3200);
    EXPECT_LE(edges, 2);
    longest = std::max(longest, zeros);
  }
  EXPECT_GT(longest, 1600);
}

TEST(MiddleAtSpeed, KeepsTheMiddleAndStretchesAroundIt) {
  io::Frames frames{9, 1, 1, {0, 10, 20, 30, 40, 50, 60, 70, 80}};
  EXPECT_EQ(middle_at_speed(frames, 5, 1).pixels, (std::vector<uint8_t>{20, 30, 40, 50, 60}));
  EXPECT_EQ(middle_at_speed(frames, 5, 1.5).pixels, (std::vector<uint8_t>{10, 25, 40, 55, 70}));
  EXPECT_EQ(middle_at_speed(frames, 3, 0.5).pixels, (std::vector<uint8_t>{35, 40, 45}));
  EXPECT_EQ(middle_at_speed(frames, 13, 1).pixels.back(), 80) << "the last frame stays";
  EXPECT_EQ(middle_at_speed(frames, 3, 1, 0.5).pixels, (std::vector<uint8_t>{35, 45, 55}));
  EXPECT_EQ(middle_at_speed(frames, 3, 1, -2).pixels, (std::vector<uint8_t>{10, 20, 30}));

  io::Waveform tone;
  for (int i = 0; i < 4000; ++i) tone.samples.push_back(std::sin(0.2f * (static_cast<float>(i) - 1999.5f)));
  const io::Waveform faster = middle_at_speed(tone, 2000, 1.25);
  ASSERT_EQ(faster.samples.size(), 2000u);
  for (int i = 0; i < 2000; ++i)
    EXPECT_NEAR(faster.samples[static_cast<size_t>(i)], std::sin(0.25 * (i - 999.5)), 2e-3) << i;
  EXPECT_EQ(middle_at_speed(tone, 8000, 1).samples.front(), 0) << "silence beyond the ends";
  const io::Waveform later = middle_at_speed(tone, 1000, 1, 300.25);
  for (int i = 0; i < 1000; ++i)
    EXPECT_NEAR(later.samples[static_cast<size_t>(i)], std::sin(0.2 * (i - 499.5 + 300.25)), 2e-3) << i;
}

TEST(PixelNormalisation, EachKindIsAScaleAndAShift) {
  PixelCounter counter(true), other(true);
  io::Frames frames{2, 1, 2, {51, 102, 153, 204}};
  counter.add(frames);
  other.add({1, 1, 2, {0, 255}});
  EXPECT_NEAR(counter.statistics().mean, 0.5, 1e-12);
  EXPECT_NEAR(counter.statistics().deviation, std::sqrt(0.05), 1e-12);
  EXPECT_NEAR(counter.statistics().mean_image[0], 0.4, 1e-6);
  const PixelStatistics statistics = counter.statistics();
  const auto value = [&](PixelNormalisation kind, const io::Frames& clip, double pixel) {
    const PixelScale s = pixel_scale(kind, statistics, clip);
    return pixel * s.scale + s.shift;
  };
  EXPECT_NEAR(value(PixelNormalisation::training_set, frames, 204), 0.3 / std::sqrt(0.05), 1e-5);
  EXPECT_NEAR(value(PixelNormalisation::min_max, frames, 51), 0, 1e-6);
  EXPECT_NEAR(value(PixelNormalisation::min_max, frames, 204), 1, 1e-6);
  const io::Frames clip{1, 1, 2, {10, 30}};
  EXPECT_NEAR(value(PixelNormalisation::per_clip, clip, 30), 1, 1e-5);
  EXPECT_NEAR(value(PixelNormalisation::per_clip, {1, 1, 2, {9, 9}}, 9), 0, 1e-6);  // a flat clip
  const std::vector<float> image = pixel_mean_image(PixelNormalisation::mean_image, statistics, 1, 2);
  EXPECT_NEAR(value(PixelNormalisation::mean_image, frames, 204 - image[1]), 0.2 / std::sqrt(0.05), 1e-5);
  EXPECT_TRUE(pixel_mean_image(PixelNormalisation::per_clip, statistics, 1, 2).empty());
  EXPECT_THROW(pixel_mean_image(PixelNormalisation::mean_image, statistics, 2, 2), std::invalid_argument);

  counter.merge(other);
  EXPECT_EQ(counter.statistics().minimum, 0);
  EXPECT_EQ(counter.statistics().maximum, 1);
  EXPECT_NEAR(counter.statistics().mean_image[1], (102 + 204 + 255) / 3.0 / 255, 1e-6);
  EXPECT_THROW(counter.add({1, 2, 2, {1, 2, 3, 4}}), std::invalid_argument);
  EXPECT_THROW(PixelCounter().statistics(), std::runtime_error);
  for (const char* name : {"training_set", "min_max", "mean_image", "per_clip"}) {
    EXPECT_EQ(to_string(parse_pixel_normalisation(name)), name);
  }
  EXPECT_THROW(parse_pixel_normalisation("none"), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::preprocessing
