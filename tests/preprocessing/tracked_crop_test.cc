#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "preprocessing/mouth_crop.h"
#include "preprocessing/mouth_stream.h"
#include "tests/preprocessing/drawn_face.h"

namespace avsr::preprocessing {
namespace {

class TrackedCrop : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (std::filesystem::exists(kLandmarkModelPath)) model_ = FaceModel::load();
  }
  static void TearDownTestSuite() { model_.reset(); }
  void SetUp() override {
    if (!model_) GTEST_SKIP() << "no landmark model at " << kLandmarkModelPath;
  }
  static inline std::shared_ptr<const FaceModel> model_;
};

double distance(const MouthPose& pose, const DrawnFace& truth) {
  return std::hypot(pose.centre_x - truth.mouth_x, pose.centre_y - truth.mouth_y);
}

TEST_F(TrackedCrop, FollowsADrawnMouth) {
  std::vector<DrawnFace> truth;
  const io::Frames frames = drawn_clip(29, 256, 256, 1, truth);
  const MouthClip clip = crop_tracked(frames, model_);
  EXPECT_EQ(clip.quality.reason, "ok");
  EXPECT_EQ(clip.quality.method, "tracked");
  EXPECT_EQ(clip.quality.frames, 29);
  EXPECT_EQ(clip.quality.frames_without_face, 0);
  ASSERT_EQ(clip.mouth.count, 29);
  EXPECT_EQ(clip.mouth.pixels.size(), 29u * 96 * 96);
  ASSERT_EQ(clip.poses.size(), 29u);
  ASSERT_EQ(clip.landmarks.size(), 29u);
  for (int t = 0; t < 29; ++t) EXPECT_LT(distance(clip.poses[t], truth[t]), 3) << "frame " << t;
}

TEST_F(TrackedCrop, IsTheSameAtThreeTimesTheSize) {
  std::vector<DrawnFace> truth;
  const MouthClip small = crop_tracked(drawn_clip(12, 256, 256, 1, truth), model_);
  const MouthClip large = crop_tracked(drawn_clip(12, 768, 1024, 3, truth), model_);
  ASSERT_EQ(large.quality.reason, "ok");
  ASSERT_EQ(small.mouth.pixels.size(), large.mouth.pixels.size());
  for (int t = 0; t < 12; ++t) {
    EXPECT_LT(distance(large.poses[t], truth[t]), 9) << "frame " << t;
    EXPECT_NEAR(large.poses[t].scale / small.poses[t].scale, 3, 0.3) << "frame " << t;
  }
  double difference = 0;
  for (size_t i = 0; i < small.mouth.pixels.size(); ++i) {
    difference += std::abs(int{small.mouth.pixels[i]} - int{large.mouth.pixels[i]});
  }
  EXPECT_LT(difference / static_cast<double>(small.mouth.pixels.size()), 8);
}

TEST_F(TrackedCrop, TurnsALeaningFaceUpright) {
  io::Frames frames{10, 256, 256, std::vector<uint8_t>(10 * 256 * 256, 110)};
  DrawnFace truth;
  for (int t = 0; t < 10; ++t) {
    cv::Mat image(256, 256, CV_8U, frames.frame(t));
    truth = draw_face(image, 128, 128, 1, 0.2, 5);
    cv::GaussianBlur(image, image, {}, 1.2);
  }
  const MouthClip clip = crop_tracked(frames, model_);
  ASSERT_EQ(clip.quality.reason, "ok");
  EXPECT_NEAR(clip.poses[5].angle, 0.2, 0.06);
  EXPECT_LT(distance(clip.poses[5], truth), 3);
}

TEST_F(TrackedCrop, BridgesAGapAndCountsIt) {
  std::vector<DrawnFace> truth;
  io::Frames frames = drawn_clip(36, 256, 256, 1, truth);
  for (int t = 12; t < 24; ++t) std::memset(frames.frame(t), 120, frames.frame_size());
  const MouthClip clip = crop_tracked(frames, model_);
  EXPECT_EQ(clip.quality.reason, "ok");
  EXPECT_GE(clip.quality.frames_without_face, 12);
  EXPECT_LE(clip.quality.frames_without_face, 12 + 5);
  ASSERT_EQ(clip.mouth.count, 36);
  EXPECT_LT(distance(clip.poses[10], truth[10]), 3);
  EXPECT_LT(distance(clip.poses[32], truth[32]), 3);
  // Inside the gap the mouth lies between where it was lost and where it was found again.
  const auto [low, high] = std::minmax(clip.poses[10].centre_x, clip.poses[29].centre_x);
  EXPECT_GT(clip.poses[18].centre_x, low - 2);
  EXPECT_LT(clip.poses[18].centre_x, high + 2);
}

// Landmarks are found in an empty picture too: only the next detector run tells. What it does not confirm must go.
TEST_F(TrackedCrop, DropsWhatTheDetectorDoesNotConfirm) {
  TrackedCropSettings settings;
  settings.tracker.scene_cut = 1000;  // the cut is not noticed
  std::vector<DrawnFace> truth;
  io::Frames frames = drawn_clip(24, 256, 256, 1, truth);
  for (int t = 12; t < 24; ++t) std::memset(frames.frame(t), 120, frames.frame_size());
  const MouthClip clip = crop_tracked(frames, model_, settings);
  EXPECT_GE(clip.quality.frames_without_face, 12);
  EXPECT_LE(clip.quality.frames_without_face, 13);

  // A face elsewhere is another face: it confirms nothing.
  io::Frames moved{24, 256, 512, std::vector<uint8_t>(24 * 256 * 512, 110)};
  for (int t = 0; t < 24; ++t) {
    cv::Mat image(256, 512, CV_8U, moved.frame(t));
    draw_face(image, t < 12 ? 110 : 400, 128, 1, 0, 5);
    cv::GaussianBlur(image, image, {}, 1.2);
  }
  const MouthClip two = crop_tracked(moved, model_, settings);
  EXPECT_GE(two.quality.frames_without_face, 1);
  EXPECT_LE(two.quality.frames_without_face, 10);
}

TEST_F(TrackedCrop, DoesNotMoveAcrossASceneCut) {
  io::Frames frames{24, 256, 512, std::vector<uint8_t>(24 * 256 * 512)};
  DrawnFace truth[2];
  for (int t = 0; t < 24; ++t) {
    const int shot = t < 12 ? 0 : 1;
    cv::Mat image(256, 512, CV_8U, frames.frame(t));
    image.setTo(shot == 0 ? 90 : 220);
    truth[shot] = draw_face(image, shot == 0 ? 110 : 400, 128, 1, 0, 5);
    cv::GaussianBlur(image, image, {}, 1.2);
  }
  const MouthClip clip = crop_tracked(frames, model_);
  ASSERT_EQ(clip.quality.reason, "ok");
  for (int t = 8; t < 16; ++t) EXPECT_LT(distance(clip.poses[t], truth[t < 12 ? 0 : 1]), 3) << "frame " << t;
}

TEST_F(TrackedCrop, NoFaceFewFacesOutside) {
  const io::Frames empty{8, 120, 160, std::vector<uint8_t>(8 * 120 * 160, 128)};
  const MouthClip none = crop_tracked(empty, model_);
  EXPECT_EQ(none.quality.reason, "no_face");
  EXPECT_EQ(none.quality.frames_without_face, 8);
  EXPECT_EQ(none.mouth.count, 0);

  std::vector<DrawnFace> truth;
  io::Frames few = drawn_clip(20, 256, 256, 1, truth);
  for (int t = 6; t < 20; ++t) std::memset(few.frame(t), 120, few.frame_size());
  const MouthClip short_lived = crop_tracked(few, model_);
  EXPECT_EQ(short_lived.quality.reason, "few_faces");
  EXPECT_EQ(short_lived.mouth.count, 20);

  io::Frames low{6, 205, 256, {}};
  const io::Frames whole = drawn_clip(6, 256, 256, 1, truth);
  for (int t = 0; t < 6; ++t) low.pixels.insert(low.pixels.end(), whole.frame(t), whole.frame(t) + 205 * 256);
  const MouthClip cut = crop_tracked(low, model_);
  EXPECT_EQ(cut.quality.reason, "outside");
  EXPECT_EQ(cut.quality.frames_outside, 6);

  EXPECT_EQ(crop_tracked(io::Frames{}, model_).quality.reason, "no_face");
}

TEST_F(TrackedCrop, TakesTheLargestFace) {
  io::Frames frames{4, 288, 512, std::vector<uint8_t>(4 * 288 * 512, 110)};
  DrawnFace large;
  for (int t = 0; t < 4; ++t) {
    cv::Mat image(288, 512, CV_8U, frames.frame(t));
    draw_face(image, 120, 144, 1.0, 0, 5);
    large = draw_face(image, 360, 144, 1.3, 0, 5);
    cv::GaussianBlur(image, image, {}, 1.2);
  }
  const MouthClip clip = crop_tracked(frames, model_);
  ASSERT_EQ(clip.quality.reason, "ok");
  EXPECT_LT(distance(clip.poses[2], large), 4);
}

TEST_F(TrackedCrop, StreamGivesTheSameAsTheWholeClip) {
  std::vector<DrawnFace> truth;
  const io::Frames frames = drawn_clip(25, 256, 256, 1, truth);
  const MouthClip clip = crop_tracked(frames, model_);
  std::vector<MouthFrame> streamed;
  MouthStream stream(model_, {}, [&](MouthFrame&& frame) { streamed.push_back(std::move(frame)); });
  size_t most_held = 0;
  for (int t = 0; t < frames.count; ++t) {
    stream.push(frames.frame(t), 256, 256);
    most_held = std::max(most_held, t + 1 - streamed.size());
  }
  stream.finish();
  EXPECT_LE(most_held, 10u + 5 + 2);
  ASSERT_EQ(streamed.size(), 25u);
  for (int t = 0; t < 25; ++t) {
    EXPECT_EQ(streamed[t].index, t);
    EXPECT_TRUE(streamed[t].face);
    EXPECT_EQ(streamed[t].pose.centre_x, clip.poses[t].centre_x);
    EXPECT_EQ(std::memcmp(streamed[t].crop.data(), clip.mouth.frame(t), 96 * 96), 0);
  }
  EXPECT_EQ(stream.quality().reason, "ok");
  EXPECT_EQ(stream.quality().frames, 25);
}

TEST_F(TrackedCrop, StreamWithoutAFaceHoldsNoMoreThanItsGap) {
  TrackedCropSettings settings;
  settings.longest_gap = 6;
  size_t out = 0;
  MouthStream stream(model_, settings, [&](MouthFrame&& frame) {
    EXPECT_FALSE(frame.face);
    EXPECT_THAT(frame.crop, testing::Each(0));
    ++out;
  });
  const std::vector<uint8_t> grey(120 * 160, 128);
  for (size_t t = 0; t < 15; ++t) {
    stream.push(grey.data(), 120, 160);
    EXPECT_LE(t + 1 - out, 6u);
  }
  EXPECT_THROW(stream.push(grey.data(), 160, 120), std::invalid_argument);
  stream.finish();
  EXPECT_EQ(out, 15u);
  EXPECT_EQ(stream.quality().reason, "no_face");
  EXPECT_THROW(stream.push(grey.data(), 120, 160), std::invalid_argument);
}

TEST(FaceModel, SaysWhatIsWrongWithTheFile) {
  try {
    FaceModel::load("/nowhere/model.dat");
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("/nowhere/model.dat"));
    EXPECT_THAT(error.what(), testing::HasSubstr("libdlib-data"));
  }
  const std::string path = testing::TempDir() + "/avsr_not_a_landmark_model.dat";
  std::ofstream(path) << "this is text";
  EXPECT_THROW(FaceModel::load(path), std::runtime_error);
  std::filesystem::remove(path);
}

TEST(TrackedCropSettings, RefusesNonsense) {
  TrackedCropSettings settings;
  settings.validate();
  settings.tracker.verify_interval = 0;
  EXPECT_THROW(settings.validate(), std::invalid_argument);
  settings = {};
  settings.size = 0;
  EXPECT_THROW(settings.validate(), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::preprocessing
