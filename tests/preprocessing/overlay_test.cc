#include "preprocessing/overlay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace avsr::preprocessing {
namespace {

constexpr int kHeight = 240, kWidth = 320;

struct Picture {
  std::vector<uint8_t> bgr = std::vector<uint8_t>(kHeight * kWidth * 3, 128);
  explicit Picture(const Overlay& overlay) { draw_overlay(bgr.data(), kHeight, kWidth, overlay); }
  const uint8_t* at(int row, int column) const { return bgr.data() + (row * kWidth + column) * 3; }
  // Pixels of rows [from, to) that were drawn on.
  int64_t drawn(int from, int to) const {
    return std::count_if(bgr.begin() + from * kWidth * 3, bgr.begin() + to * kWidth * 3,
                         [](uint8_t value) { return value != 128; });
  }
};

TEST(Overlay, NothingToSayDrawsNothing) { EXPECT_EQ(Picture({}).drawn(0, kHeight), 0); }

TEST(Overlay, TheBoxLiesOnTheMouthInTheColourOfConfidence) {
  Overlay overlay;
  overlay.mouth = MouthPose{160, 100, 0.5, 0};
  overlay.crop_size = 80;
  const Picture plain(overlay);
  EXPECT_NE(*plain.at(80, 160), 128) << "the upper edge, half of 0.5 x 80 pixels above the centre";
  EXPECT_EQ(*plain.at(100, 160), 128) << "the mouth itself stays to be seen";
  EXPECT_EQ(plain.drawn(0, 70) + plain.drawn(130, kHeight), 0);
  overlay.confidence = 1;
  const Picture sure(overlay);
  EXPECT_GT(sure.at(80, 160)[0], sure.at(80, 160)[2]) << "blue";
  overlay.confidence = 0;
  const Picture unsure(overlay);
  EXPECT_LT(unsure.at(80, 160)[0], unsure.at(80, 160)[2]) << "orange";
  overlay.mouth->angle = 0.7854;
  EXPECT_NE(*Picture(overlay).at(100, 160 + 28), 128) << "a corner of the turned box";
}

TEST(Overlay, WordsStandAtTheBottomAndFitIn) {
  Overlay overlay;
  overlay.caption = "place red";
  const Picture caption(overlay);
  EXPECT_GT(caption.drawn(200, kHeight), 200);
  EXPECT_EQ(caption.drawn(0, 190), 0);
  overlay.caption = std::string(150, 'w');
  const Picture wide(overlay);
  for (int row = 0; row < kHeight; ++row) {
    EXPECT_EQ(*wide.at(row, 0), 128) << row;
    EXPECT_EQ(*wide.at(row, kWidth - 1), 128) << row;
  }
  overlay = {.word = "red", .confidence = 0.5};
  const Picture word(overlay);
  EXPECT_GT(word.drawn(150, kHeight), 100);
  overlay = {.caption = "\xc3\xa4"};  // no ASCII: drawn as one sign
  Overlay sign;
  sign.caption = "?";
  EXPECT_EQ(Picture(overlay).bgr, Picture(sign).bgr);
}

}  // namespace
}  // namespace avsr::preprocessing
