#include "pipeline/recognition/sliding_windows.h"

#include <gtest/gtest.h>

#include <cmath>

namespace avsr::pipeline {
namespace {

// Frame t is a 2x2 picture of value t % 251; its sound is the constant (t + 1) / 1000.
void push_frames(SlidingWindows& windows, int from, int to, uint8_t face = 1) {
  io::Frames mouth{to - from, 2, 2, {}};
  std::vector<float> audio;
  for (int t = from; t < to; ++t) {
    mouth.pixels.insert(mouth.pixels.end(), 4, static_cast<uint8_t>(t % 251));
    audio.insert(audio.end(), io::kSamplesPerFrame, static_cast<float>(t + 1) / 1000);
  }
  const std::vector<uint8_t> faces(to - from, face);
  windows.push(to - from, mouth, faces, audio);
}

// Remembers each window as (first frame's value, last frame's value, first sample, last sample).
struct Recorder {
  std::vector<std::array<float, 4>> seen;
  int largest_batch = 0;
  std::vector<float> operator()(models::Streams, const std::vector<Stretch>& batch) {
    largest_batch = std::max(largest_batch, static_cast<int>(batch.size()));
    std::vector<float> rows;
    for (const Stretch& s : batch) {
      seen.push_back({static_cast<float>(s.mouth.frame(0)[0]), static_cast<float>(s.mouth.frame(s.mouth.count - 1)[0]),
                      s.audio.samples.front(), s.audio.samples.back()});
      rows.push_back(static_cast<float>(s.mouth.frame(s.mouth.count / 2)[0]));  // the middle frame, in place of p
      rows.push_back(1);
    }
    return rows;
  }
};

// What the windows said, in the order in which it was given.
struct Given {
  std::vector<float> rows;
  std::vector<Answer> answers;
  TakeWindow take() {
    return [this](const Answer& answer, std::span<const float> row) {
      answers.push_back(answer);
      rows.insert(rows.end(), row.begin(), row.end());
    };
  }
};

TEST(SlidingWindows, CentresAWindowOnEveryHop) {
  Recorder recorder;
  Given given;
  SlidingWindows windows({.window_frames = 5, .hop_frames = 3, .batch = 4, .labels = 2}, std::ref(recorder),
                         given.take());
  for (int t = 0; t < 200; t += 7) push_frames(windows, t, std::min(t + 7, 200));
  windows.finish();
  ASSERT_EQ(given.rows.size(), 2u * 67);
  for (int w = 0; w < 67; ++w) EXPECT_EQ(given.rows[2 * w], 3 * w) << w;
  EXPECT_EQ(recorder.largest_batch, 4);
  EXPECT_NEAR(windows.times().start_seconds(10), 29. / 25, 1e-12);
  EXPECT_NEAR(windows.times().end_seconds(10), 32. / 25, 1e-12);
  EXPECT_EQ(windows.times().start_seconds(0), 0);
  EXPECT_FALSE(windows.times().single);
  EXPECT_EQ(recorder.seen[10], (std::array<float, 4>{28, 32, 29 / 1000.f, 33 / 1000.f}));
}

TEST(SlidingWindows, RepeatsEdgeFramesAndPadsSilence) {
  Recorder recorder;
  Given given;
  SlidingWindows windows({.window_frames = 5, .hop_frames = 1, .batch = 100, .labels = 2}, std::ref(recorder),
                         given.take());
  push_frames(windows, 0, 6);
  windows.finish();
  ASSERT_EQ(recorder.seen.size(), 6u);
  EXPECT_EQ(recorder.seen[0], (std::array<float, 4>{0, 2, 0, 3 / 1000.f}));
  EXPECT_EQ(recorder.seen[5], (std::array<float, 4>{3, 5, 4 / 1000.f, 0}));
}

TEST(SlidingWindows, AClipOfOneWordIsOneWindow) {
  Recorder recorder;
  Given given;
  SlidingWindows windows({.window_frames = 5, .hop_frames = 1, .labels = 2}, std::ref(recorder), given.take());
  push_frames(windows, 0, 2);
  push_frames(windows, 2, 5);
  windows.finish();
  ASSERT_EQ(given.rows.size(), 2u);
  EXPECT_EQ(recorder.seen[0], (std::array<float, 4>{0, 4, 1 / 1000.f, 5 / 1000.f}));
  EXPECT_TRUE(windows.times().single);
  EXPECT_EQ(windows.times().start_seconds(0), 0);
  EXPECT_NEAR(windows.times().end_seconds(0), 0.2, 1e-12);
}

TEST(SlidingWindows, NothingIsRecognisedWithoutAFaceOrInSilence) {
  Recorder recorder;
  Given given;
  SlidingWindows windows({.window_frames = 3, .hop_frames = 1, .batch = 2, .labels = 2}, std::ref(recorder),
                         given.take());
  push_frames(windows, 0, 4);
  push_frames(windows, 4, 6, 0);
  const io::Frames mouth{4, 2, 2, std::vector<uint8_t>(16, 9)};
  windows.push(4, mouth, std::vector<uint8_t>(4, 1), std::vector<float>(4 * io::kSamplesPerFrame, 0.f));
  windows.finish();
  const auto& p = given.rows;
  ASSERT_EQ(p.size(), 20u);
  EXPECT_EQ(p[2 * 3 + 1], 1);
  EXPECT_EQ(p[2 * 4 + 1], 0);  // no face
  EXPECT_EQ(p[2 * 5 + 1], 0);
  EXPECT_EQ(p[2 * 6 + 1], 1);  // its neighbour still sounds
  EXPECT_EQ(p[2 * 8 + 1], 0);  // silence
}

// Pauses between words are no reason to read lips; sound that is gone for seconds is.
TEST(SlidingWindows, SeveralModelsShareARecording) {
  std::vector<models::Streams> asked;
  Recorder recorder;
  Given given;
  WindowSettings settings{.window_frames = 3, .hop_frames = 1, .batch = 4, .labels = 2};
  settings.models = {true, true, true};
  settings.sound_frames = 5;
  SlidingWindows windows(
      settings,
      [&](models::Streams streams, const std::vector<Stretch>& batch) {
        asked.insert(asked.end(), batch.size(), streams);
        std::vector<float> rows;
        for (size_t i = 0; i < batch.size(); ++i) rows.insert(rows.end(), {1, static_cast<float>(streams)});
        return rows;
      },
      given.take());
  const auto push = [&](int frames, float sound, uint8_t face) {
    const io::Frames mouth{frames, 2, 2, std::vector<uint8_t>(static_cast<size_t>(4 * frames), 9)};
    windows.push(frames, mouth, std::vector<uint8_t>(static_cast<size_t>(frames), face),
                 std::vector<float>(static_cast<size_t>(frames * io::kSamplesPerFrame), sound));
  };
  push(6, 0.1f, 1);
  push(4, 0, 1);  // a pause
  push(6, 0.1f, 0);
  push(20, 0, 1);
  windows.finish();
  const auto heard_by = [&](int window) { return given.answers.at(static_cast<size_t>(window)).heard_by; };
  EXPECT_EQ(heard_by(3), models::Streams::audiovisual);
  EXPECT_EQ(heard_by(8), std::nullopt);
  EXPECT_EQ(heard_by(13), models::Streams::audio);
  EXPECT_EQ(heard_by(18), std::nullopt);
  EXPECT_EQ(heard_by(30), models::Streams::video);
  EXPECT_EQ(given.rows[2 * 30 + 1], static_cast<float>(models::Streams::video));
  EXPECT_EQ(given.rows[2 * 13 + 1], static_cast<float>(models::Streams::audio));
  EXPECT_EQ(asked.size(), 36u - 2 - 4);
}

// One window without sound, and then only such that another model answers: nobody waits for the first one's batch.
TEST(SlidingWindows, AnswersComeWhileTheRecordingRuns) {
  Given given;
  WindowSettings settings{.window_frames = 3, .hop_frames = 1, .batch = 4, .labels = 2};
  settings.models = {true, false, true};
  const auto classify = [](models::Streams, const std::vector<Stretch>& batch) {
    std::vector<float> rows;  // the middle frame's sound
    for (const Stretch& s : batch) rows.insert(rows.end(), {s.audio.samples.at(s.audio.samples.size() / 2), 1});
    return rows;
  };
  SlidingWindows windows(settings, classify, given.take());
  push_frames(windows, 0, 2, 0);
  push_frames(windows, 2, 200);
  EXPECT_GT(given.answers.size(), 150u);
  windows.finish();
  ASSERT_EQ(given.answers.size(), 200u);
  for (int w = 0; w < 200; ++w) EXPECT_NEAR(given.rows[2 * w], 0.001f * static_cast<float>(w + 1), 1e-6) << w;
  EXPECT_EQ(given.answers[1].heard_by, models::Streams::audio);
  EXPECT_EQ(given.answers[2].heard_by, models::Streams::audiovisual);
}

TEST(SlidingWindows, RefusesUnequalStreams) {
  Recorder recorder;
  Given given;
  SlidingWindows windows({.labels = 2}, std::ref(recorder), given.take());
  EXPECT_THROW(windows.push(2, {}, {}, std::vector<float>(2 * io::kSamplesPerFrame)), std::invalid_argument);
  EXPECT_THROW(SlidingWindows({.labels = 0}, std::ref(recorder), given.take()), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::pipeline
