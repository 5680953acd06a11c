#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "preprocessing/contact_sheet.h"
#include "preprocessing/crop_warp.h"
#include "preprocessing/mean_face.h"
#include "preprocessing/mouth_crop.h"
#include "preprocessing/pose_track.h"

namespace avsr::preprocessing {
namespace {

// Pixel (t, y, x) = t * 7 + y * 3 + x, modulo 256.
io::Frames pattern(int count, int height, int width) {
  io::Frames frames{count, height, width, {}};
  for (int t = 0; t < count; ++t) {
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) frames.pixels.push_back(static_cast<uint8_t>(t * 7 + y * 3 + x));
    }
  }
  return frames;
}

TEST(FixedCrop, CutsLrwsBox) {
  const MouthClip clip = crop_fixed(pattern(3, 256, 256));
  ASSERT_EQ(clip.mouth.count, 3);
  ASSERT_EQ(clip.mouth.height, 96);
  ASSERT_EQ(clip.mouth.width, 96);
  EXPECT_EQ(clip.quality.reason, "ok");
  EXPECT_EQ(clip.quality.method, "fixed");
  EXPECT_EQ(clip.mouth.frame(2)[0], static_cast<uint8_t>(14 + 115 * 3 + 79));
  EXPECT_EQ(clip.mouth.frame(2)[95 * 96 + 95], static_cast<uint8_t>(14 + 210 * 3 + 174));
}

TEST(FixedCrop, RepeatsTheEdgeAndSaysSo) {
  const MouthClip clip = crop_fixed(pattern(2, 20, 20), {-2, 15, 4, 10});
  EXPECT_EQ(clip.quality.reason, "outside");
  EXPECT_EQ(clip.quality.frames_outside, 2);
  EXPECT_EQ(clip.mouth.frame(0)[0], 15);
  EXPECT_EQ(clip.mouth.frame(0)[9], 19);
  EXPECT_EQ(clip.mouth.frame(1)[3 * 10 + 9], 7 + 3 + 19);
  EXPECT_THROW(crop_fixed(pattern(1, 20, 20), {0, 0, 0, 5}), std::invalid_argument);
  EXPECT_EQ(crop_fixed(io::Frames{}).mouth.count, 0);
}

TEST(WarpCrop, UprightAtScaleOneIsACopy) {
  const io::Frames image = pattern(1, 60, 64);
  std::vector<uint8_t> crop(16 * 16);
  // The crop's first pixel is (20, 10): its centre lies 7.5 further.
  warp_crop(image.frame(0), 60, 64, {27.5, 17.5, 1, 0}, 16, crop.data());
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 16; ++x) EXPECT_EQ(crop[y * 16 + x], image.frame(0)[(10 + y) * 64 + 20 + x]);
  }
}

// A smooth picture with a known value everywhere: 0.37 x + 0.23 y.
TEST(WarpCrop, TurnsAndScalesAboutTheCentre) {
  const int height = 300, width = 300, size = 32;
  std::vector<uint8_t> image;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) image.push_back(static_cast<uint8_t>(std::lround(0.37 * x + 0.23 * y)));
  }
  for (const double scale : {0.5, 1.0, 2.0, 3.7}) {
    for (const double angle : {-0.4, 0.0, 0.3}) {
      const MouthPose pose{140, 150, scale, angle};
      std::vector<uint8_t> crop(size * size);
      warp_crop(image.data(), height, width, pose, size, crop.data());
      double bias = 0;
      int count = 0;
      for (int y = 0; y < size; y += 5) {
        for (int x = 0; x < size; x += 5) {
          const double dx = x - 15.5, dy = y - 15.5;
          const double sx = 140 + scale * (std::cos(angle) * dx - std::sin(angle) * dy);
          const double sy = 150 + scale * (std::sin(angle) * dx + std::cos(angle) * dy);
          const double error = crop[y * size + x] - (0.37 * sx + 0.23 * sy);
          EXPECT_LT(std::abs(error), 1.4) << scale << " " << angle << " " << x << " " << y;
          bias += error;
          ++count;
        }
      }
      EXPECT_LT(std::abs(bias / count), 0.25) << scale << " " << angle;  // a shift would show here
    }
  }
}

TEST(WarpCrop, KnowsWhenItLeavesTheImage) {
  EXPECT_FALSE(leaves_image({50, 50, 1, 0}, 96, 100, 100));
  EXPECT_TRUE(leaves_image({50, 50, 1, 0.5}, 96, 100, 100));
  EXPECT_TRUE(leaves_image({40, 50, 1, 0}, 96, 100, 100));
  EXPECT_TRUE(leaves_image({60, 50, 1, 0}, 96, 100, 100));
  EXPECT_TRUE(leaves_image({50, 40, 1, 0}, 96, 100, 100));
  EXPECT_TRUE(leaves_image({50, 60, 1, 0}, 96, 100, 100));
  EXPECT_TRUE(leaves_image({50, 50, 1.2, 0}, 96, 100, 100));
  std::vector<uint8_t> image(100, 77), crop(64);
  warp_crop(image.data(), 10, 10, {500, -300, 2, 0}, 8, crop.data());  // far away: the nearest pixel
  EXPECT_EQ(crop[0], 77);
}

// Landmarks made from the mean face by a known similarity give it back.
TEST(FitPose, FindsAKnownSimilarity) {
  const MouthPose truth{200, 150, 1.7, 0.25};
  Landmarks landmarks;
  landmarks.fill({200, 150});
  const double c = truth.scale * std::cos(truth.angle), s = truth.scale * std::sin(truth.angle);
  for (const StablePoint& p : kMeanFace) {
    landmarks[p.landmark] = {static_cast<float>(200 + c * p.x - s * p.y), static_cast<float>(150 + s * p.x + c * p.y)};
  }
  const MouthPose pose = fit_pose(landmarks, {});
  EXPECT_NEAR(pose.scale, truth.scale, 1e-5);
  EXPECT_NEAR(pose.angle, truth.angle, 1e-5);
  EXPECT_NEAR(pose.centre_x, 200, 1e-3);
  EXPECT_NEAR(pose.centre_y, 150, 1e-3);
  TrackedCropSettings twice;
  twice.size = 48;  // half the pixels for the same face
  EXPECT_NEAR(fit_pose(landmarks, twice).scale, 2 * truth.scale, 1e-5);
}

TrackedFace face_at(int64_t index, float x) {
  Landmarks landmarks;
  landmarks.fill({x, 0});
  for (const StablePoint& p : kMeanFace) {
    landmarks[p.landmark] = {static_cast<float>(x + p.x), static_cast<float>(p.y)};
  }
  return {index, false, landmarks};
}

TEST(PoseTrack, InterpolatesInnerGapsAndRepeatsAtTheEnds) {
  TrackedCropSettings settings;
  settings.smoothing_radius = 0;
  PoseTrack track(settings, 100);
  track.push({0, false, std::nullopt});
  track.push(face_at(1, 10));
  track.push({2, true, std::nullopt});
  track.push({3, false, std::nullopt});
  track.push(face_at(4, 40));
  track.push({5, false, std::nullopt});
  track.finish();
  const std::vector<PosedFrame> posed = track.take();
  ASSERT_EQ(posed.size(), 6u);
  const double expected[] = {10, 10, 20, 30, 40, 40};
  const bool interpolated[] = {true, false, false, true, false, true};
  for (int t = 0; t < 6; ++t) {
    EXPECT_EQ(posed[t].index, t);
    EXPECT_TRUE(posed[t].face);
    EXPECT_NEAR(posed[t].pose.centre_x, expected[t], 1e-4);
    EXPECT_EQ(posed[t].interpolated, interpolated[t]);
  }
}

// Each shot keeps its own pose in the gap, and no smoothing reaches over the edge.
TEST(PoseTrack, HoldsThePoseAtASceneCut) {
  const auto poses_of = [](const std::vector<TrackedFace>& faces) {
    PoseTrack track({}, 100);
    for (const TrackedFace& face : faces) track.push(face);
    track.finish();
    std::vector<int> poses;
    for (const PosedFrame& posed : track.take()) poses.push_back(static_cast<int>(std::lround(posed.pose.centre_x)));
    return poses;
  };
  const auto cut_to = [](TrackedFace face) {
    face.new_shot = true;
    return face;
  };
  const TrackedFace none{2, false, std::nullopt}, none_behind_cut{3, false, std::nullopt, true};
  EXPECT_THAT(poses_of({face_at(0, 10), face_at(1, 10), none, cut_to(face_at(3, 90)), face_at(4, 90)}),
              testing::ElementsAre(10, 10, 10, 90, 90));
  EXPECT_THAT(poses_of({face_at(0, 10), face_at(1, 10), none, none_behind_cut, face_at(4, 90), face_at(5, 90)}),
              testing::ElementsAre(10, 10, 10, 90, 90, 90));
}

TEST(PoseTrack, SmoothsNoiseButNotSteadyMotion) {
  TrackedCropSettings settings;
  settings.smoothing_radius = 4;
  PoseTrack steady(settings, 100), shaking(settings, 100);
  for (int t = 0; t < 30; ++t) {
    steady.push(face_at(t, 3.0f * static_cast<float>(t)));
    shaking.push(face_at(t, t % 2 == 0 ? 1.0f : -1.0f));
  }
  steady.finish();
  shaking.finish();
  for (const PosedFrame& p : steady.take()) {
    EXPECT_NEAR(p.pose.centre_x, 3 * static_cast<double>(p.index), 1e-3) << p.index;
  }
  for (const PosedFrame& p : shaking.take()) {
    if (p.index < 4 || p.index >= 26) continue;  // near the ends there are too few neighbours
    EXPECT_LT(std::abs(p.pose.centre_x), 0.2) << p.index;
  }
}

TEST(PoseTrack, GivesUpOnLongGaps) {
  TrackedCropSettings settings;
  PoseTrack track(settings, 3);
  track.push(face_at(0, 10));
  for (int t = 1; t <= 4; ++t) track.push({t, false, std::nullopt});
  EXPECT_EQ(track.take().size(), 5u);  // nothing is held back any more
  for (int t = 5; t < 9; ++t) track.push(face_at(t, 50));
  track.finish();
  const std::vector<PosedFrame> rest = track.take();
  ASSERT_EQ(rest.size(), 4u);
  for (const PosedFrame& p : rest) EXPECT_NEAR(p.pose.centre_x, 50, 1e-4);  // the gap does not pull
}

TEST(ContactSheet, LaysTilesInRows) {
  const io::Frames frames = pattern(5, 4, 6);
  const io::Frames sheet = contact_sheet(frames, 3);
  EXPECT_EQ(sheet.count, 1);
  EXPECT_EQ(sheet.height, 2 * 6);
  EXPECT_EQ(sheet.width, 3 * 8);
  EXPECT_EQ(sheet.pixels[0], 255);  // border
  EXPECT_EQ(sheet.pixels[1 * 24 + 1], frames.frame(0)[0]);
  EXPECT_EQ(sheet.pixels[7 * 24 + 9], frames.frame(4)[0]);  // second row, second tile
  EXPECT_EQ(sheet.pixels[7 * 24 + 17], 255);                // no sixth tile
  EXPECT_EQ(contact_sheet(frames, 3, 2).height, 6);         // every third: frames 0 and 3
  EXPECT_EQ(contact_sheet(frames, 3, 2).pixels[1 * 24 + 9], frames.frame(3)[0]);
  EXPECT_THROW(contact_sheet(io::Frames{}, 3), std::invalid_argument);
  EXPECT_THROW(contact_sheet(frames, 0), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::preprocessing
