#include "preprocessing/mouth_tracks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <map>

#include "preprocessing/mouth_source.h"
#include "preprocessing/mouth_stream.h"
#include "tests/preprocessing/drawn_faces.h"

namespace avsr::preprocessing {
namespace {

class Tracks : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (std::filesystem::exists(kLandmarkModelPath)) model_ = FaceModel::load();
  }
  static void TearDownTestSuite() { model_.reset(); }
  void SetUp() override {
    if (!model_) GTEST_SKIP() << "no landmark model at " << kLandmarkModelPath;
  }

  // All tracks of the video into frames_ and ended_.
  void follow(const io::Frames& frames, const TrackedCropSettings& settings = {}) {
    MouthTracks tracks(
        model_, settings,
        [&](int track, MouthFrame&& frame) {
          std::vector<MouthFrame>& all = frames_[track];
          EXPECT_EQ(frame.index, all.empty() ? frame.index : all.back().index + 1) << "a hole in track " << track;
          EXPECT_TRUE(frame.face);
          EXPECT_GE(frame.index, settled_) << "track " << track;
          all.push_back(std::move(frame));
        },
        [&](const FaceTrack& track) { ended_.push_back(track); });
    for (int t = 0; t < frames.count; ++t) {
      tracks.push(frames.frame(t), frames.height, frames.width);
      EXPECT_GE(tracks.settled(), settled_);
      settled_ = tracks.settled();
      most_held_ = std::max(most_held_, t + 1 - settled_);
    }
    tracks.finish();
  }

  std::vector<MouthFrame> source(const std::string& choice, const io::Frames& frames) {
    std::vector<MouthFrame> all;
    const auto mouth =
        make_mouth_source(FaceChoice::from(choice), model_, {}, [&](MouthFrame&& f) { all.push_back(std::move(f)); });
    for (int t = 0; t < frames.count; ++t) mouth->push(frames.frame(t), frames.height, frames.width);
    mouth->finish();
    return all;
  }

  static inline std::shared_ptr<const FaceModel> model_;
  std::map<int, std::vector<MouthFrame>> frames_;
  std::vector<FaceTrack> ended_;
  int64_t settled_ = 0, most_held_ = 0;
};

TEST_F(Tracks, OneFaceIsFollowedAsTheLargestIs) {
  std::vector<DrawnFace> truth;
  const io::Frames frames = drawn_clip(40, 256, 256, 1, truth);
  follow(frames);
  const std::vector<MouthFrame> largest = source("largest", frames);
  ASSERT_EQ(frames_.size(), 1u);
  ASSERT_EQ(frames_[1].size(), 40u);
  ASSERT_EQ(largest.size(), 40u);
  for (size_t t = 0; t < 40; ++t) EXPECT_EQ(frames_[1][t].crop, largest[t].crop) << t;
  EXPECT_EQ(ended_.size(), 1u);
  EXPECT_EQ(ended_[0].frames, 40);
  EXPECT_EQ(ended_[0].frames_without_face, 0);
  EXPECT_NEAR(ended_[0].side, 110, 30);
  EXPECT_LE(most_held_, 10 + 5 + 2);
}

TEST_F(Tracks, FacesAreNumberedFromTheLeftInOrderOfAppearance) {
  const io::Frames frames = drawn_scene(
      45, 288, 768, {Actor{.x = 640}, Actor{.x = 120}, Actor{.x = 380, .shown = [](int t) { return t >= 20; }}});
  follow(frames);
  ASSERT_EQ(ended_.size(), 3u);
  const auto middle = [&](int track) { return frames_[track].back().pose.centre_x; };
  EXPECT_NEAR(middle(1), 120, 6);
  EXPECT_NEAR(middle(2), 640, 6);
  EXPECT_NEAR(middle(3), 380, 6);
  EXPECT_EQ(frames_[1].front().index, 0);
  EXPECT_EQ(frames_[1].size(), 45u);
  EXPECT_EQ(frames_[3].front().index, 25);  // the next look over the whole image
  EXPECT_EQ(frames_[3].back().index, 44);

  // One of them alone: the same crops, and no face before it comes.
  const std::vector<MouthFrame> third = source("3", frames);
  ASSERT_EQ(third.size(), 45u);
  for (int t = 0; t < 45; ++t) {
    EXPECT_EQ(third[t].index, t);
    ASSERT_EQ(third[t].face, t >= 25) << t;
    const std::vector<uint8_t> nothing(96 * 96, 0);
    EXPECT_EQ(third[t].crop, t >= 25 ? frames_[3][t - 25].crop : nothing) << t;
  }
  EXPECT_FALSE(source("4", frames)[30].face);
}

TEST_F(Tracks, LostAndFoundIsOneTrackWithAGapAndLongLostAnother) {
  const auto shown = [](int t) { return t < 22 || (t >= 34 && t < 60) || t >= 85; };
  const io::Frames frames = drawn_scene(110, 288, 512, {Actor{.x = 140}, Actor{.x = 380, .shown = shown}});
  TrackedCropSettings settings;
  settings.longest_gap = 18;
  settings.tracker.scene_cut = 1000;
  follow(frames, settings);
  ASSERT_EQ(ended_.size(), 3u);
  EXPECT_EQ(frames_[1].size(), 110u);
  EXPECT_EQ(frames_[2].front().index, 0);
  EXPECT_LT(frames_[2].back().index, 60);
  EXPECT_GE(frames_[2].back().index, 49);
  EXPECT_TRUE(frames_[2][28].interpolated);
  EXPECT_FALSE(frames_[2][45].interpolated);
  EXPECT_GE(frames_[3].front().index, 85);
  const auto second = std::find_if(ended_.begin(), ended_.end(), [](const FaceTrack& t) { return t.number == 2; });
  EXPECT_GE(second->frames_without_face, 12);
  EXPECT_LE(second->frames_without_face, 12 + 2 + 10 + 5);
  EXPECT_LE(most_held_, settings.longest_gap + 10 + 5 + 2);
}

// Behind a cut the same place with another picture in it is another face; the same picture is the same face.
TEST_F(Tracks, CutsEndTracksButForTheSamePicture) {
  const auto flash = [](int t) { return t == 14 ? 220 : 90; };
  follow(drawn_scene(30, 288, 512, {Actor{.x = 256}}, flash));
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_EQ(frames_[1].size(), 30u);
  EXPECT_TRUE(frames_[1][15].new_shot);

  frames_.clear();
  ended_.clear();
  settled_ = 0;
  const io::Frames frames = drawn_scene(
      30, 288, 512,
      {Actor{.x = 130, .shown = [](int t) { return t < 14; }}, Actor{.x = 390, .shown = [](int t) { return t >= 14; }}},
      [](int t) { return t < 14 ? 60 : 200; });
  follow(frames);
  ASSERT_EQ(ended_.size(), 2u);
  EXPECT_EQ(frames_[1].size(), 14u);
  EXPECT_EQ(frames_[2].size(), 16u);
  EXPECT_EQ(frames_[2].front().index, 14);
}

TEST_F(Tracks, WithoutAFaceNothingIsHeld) {
  follow(io::Frames{20, 120, 160, std::vector<uint8_t>(20 * 120 * 160, 128)});
  EXPECT_TRUE(ended_.empty());
  EXPECT_EQ(most_held_, 0);
}

TEST(FaceChoice, ReadsWhatItWrites) {
  for (const std::string text : {"largest", "speaking", "all", "1", "12"})
    EXPECT_EQ(FaceChoice::from(text).text(), text);
  for (const std::string text : {"", "0", "-1", "2x", "biggest"})
    EXPECT_THROW(FaceChoice::from(text), std::invalid_argument) << text;
  EXPECT_THROW(make_mouth_source(FaceChoice::from("all"), nullptr, {}, [](MouthFrame&&) {}), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::preprocessing
