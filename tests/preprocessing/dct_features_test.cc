#include "preprocessing/dct_features.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <stdexcept>

#include "preprocessing/normalise.h"
#include "preprocessing/random.h"

namespace avsr::preprocessing {
namespace {

using ::testing::Each;
using ::testing::FloatEq;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

io::Frames random_frames(int count, int size) {
  io::Frames frames{count, size, size, {}};
  Random random(5);
  for (size_t i = 0; i < frames.frame_size() * static_cast<size_t>(count); ++i)
    frames.pixels.push_back(static_cast<uint8_t>(random.below(256)));
  return frames;
}

// The sum that defines it.
double coefficient(const io::Frames& frames, int t, int vertical, int horizontal) {
  const int size = frames.height;
  const auto norm = [size](int k) { return std::sqrt((k == 0 ? 1.0 : 2.0) / size); };
  const auto wave = [size](int k, int i) { return std::cos(std::numbers::pi * k * (2 * i + 1) / (2 * size)); };
  double sum = 0;
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x) sum += frames.frame(t)[y * size + x] * wave(vertical, y) * wave(horizontal, x);
  return norm(vertical) * norm(horizontal) * sum;
}

// Vertical and horizontal frequency, as in the table of the JPEG standard (ITU-T T.81).
constexpr std::pair<int, int> kZigzag[] = {{0, 0}, {0, 1}, {1, 0}, {2, 0}, {1, 1}, {0, 2}, {0, 3}, {1, 2},
                                           {2, 1}, {3, 0}, {4, 0}, {3, 1}, {2, 2}, {1, 3}, {0, 4}};

TEST(DctFeatures, AreTheLowestFrequenciesInZigzagOrder) {
  for (const int size : {8, 11}) {
    const io::Frames frames = random_frames(2, size);
    const Features features = DctFeatures(15, size).compute(frames);
    ASSERT_EQ(features.count, 2);
    ASSERT_EQ(features.dimension, 45);
    for (int t = 0; t < 2; ++t)
      for (int k = 0; k < 15; ++k)
        EXPECT_NEAR(features.row(t)[k], coefficient(frames, t, kZigzag[k].first, kZigzag[k].second), 1e-3)
            << size << " " << k;
  }
}

// All of them are a rotation of the picture: none is taken twice, none left out.
TEST(DctFeatures, OfFullNumberKeepTheEnergy) {
  const io::Frames frames = random_frames(1, 9);
  const Features features = DctFeatures(81, 9).compute(frames);
  double pixels = 0, coefficients = 0;
  for (const uint8_t p : frames.pixels) pixels += double{1} * p * p;
  for (int k = 0; k < 81; ++k) coefficients += double{1} * features.row(0)[k] * features.row(0)[k];
  EXPECT_NEAR(coefficients / pixels, 1, 1e-6);
}

// Ten grey levels more with every frame: the mean over an orthonormal transform of 4 x 4 grows by 40.
TEST(DctFeatures, HaveTheDerivativesOfTheRegression) {
  io::Frames frames{7, 4, 4, {}};
  for (int t = 0; t < 7; ++t) frames.pixels.insert(frames.pixels.end(), 16, static_cast<uint8_t>(10 * t));
  const Features features = DctFeatures(3, 4).compute(frames);
  const auto column = [&](int c) {
    std::vector<float> values;
    for (int t = 0; t < 7; ++t) values.push_back(features.row(t)[c]);
    return values;
  };
  EXPECT_THAT(column(0), ::testing::Pointwise(FloatEq(), {0.f, 40.f, 80.f, 120.f, 160.f, 200.f, 240.f}));
  // (1 (c[1] - c[0]) + 2 (c[2] - c[0])) / 10 at the start, whose first frame is repeated before it.
  EXPECT_THAT(column(3), ::testing::Pointwise(FloatEq(), {20.f, 32.f, 40.f, 40.f, 40.f, 32.f, 20.f}));
  EXPECT_FLOAT_EQ(features.row(3)[6], 0);
  EXPECT_FLOAT_EQ(features.row(1)[6], (1 * (40 - 20) + 2 * (40 - 20)) / 10.f);
}

TEST(DctFeatures, OfAPictureThatStandsAreZeroOnceNormalised) {
  io::Frames frames = random_frames(1, 8);
  const std::vector<uint8_t> first = frames.pixels;
  for (; frames.count < 29; ++frames.count) frames.pixels.insert(frames.pixels.end(), first.begin(), first.end());
  Features features = DctFeatures(10, 8).compute(frames);
  z_normalise_columns(features);
  EXPECT_THAT(features.values, Each(0.f));
}

TEST(DctFeatures, RefuseWhatIsNotThere) {
  EXPECT_THAT([] { DctFeatures(0, 8); }, ThrowsMessage<std::invalid_argument>(HasSubstr("1 to 64")));
  EXPECT_THAT([] { DctFeatures(65, 8); }, ThrowsMessage<std::invalid_argument>(HasSubstr("got 65")));
  EXPECT_THAT([] { DctFeatures(5, 8).compute(random_frames(2, 9)); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("8 x 8, got 9 x 9")));
  EXPECT_EQ(DctFeatures(5, 8).compute({0, 8, 8, {}}).count, 0);
}

}  // namespace
}  // namespace avsr::preprocessing
