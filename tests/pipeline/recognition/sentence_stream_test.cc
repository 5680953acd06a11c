#include "pipeline/recognition/sentence_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace avsr::pipeline {
namespace {

using models::Streams;

// A recording in letters, one a frame: 'a' and 'b' are said, '.' is a little noise. Letters are tones of 30 harmonics;
// the picture of a frame is the letter. A face is seen but where the letter is a capital.
struct Recording {
  std::string letters;

  std::vector<float> sound() const {
    std::vector<float> samples;
    for (const char letter : letters)
      for (int i = 0; i < io::kSamplesPerFrame; ++i) samples.push_back(sample(letter, samples.size()));
    return samples;
  }
  static float sample(char letter, size_t i) {
    const double t = static_cast<double>(i) / io::kSampleRate;
    const double hash = std::sin(static_cast<double>(i) * 12.9898) * 43758.5453;
    double value = 0.01 * (hash - std::floor(hash) - 0.5);
    for (int h = 1; letter != '.' && h <= 30; ++h) value += 0.03 * std::sin(2 * std::numbers::pi * 120 * h * t + h * h);
    return static_cast<float>(value);
  }
};

// Reads each frame's letter from its picture, whatever the streams, and remembers what it was asked.
struct Speller {
  int symbols = 4;
  std::vector<std::pair<Streams, int>> asked;  // streams, frames
  size_t largest_batch = 0;

  std::vector<std::vector<float>> operator()(Streams streams, const std::vector<Stretch>& windows) {
    largest_batch = std::max(largest_batch, windows.size());
    std::vector<std::vector<float>> answers;
    for (const Stretch& window : windows) {
      const bool looks = streams != Streams::audio;
      const int frames =
          looks ? window.mouth.count : static_cast<int>(window.audio.samples.size() / io::kSamplesPerFrame);
      asked.emplace_back(streams, frames);
      std::vector<float> rows;
      for (int t = 0; t < frames; ++t) {
        const char letter = looks ? static_cast<char>(std::tolower(window.mouth.frame(t)[0])) : 'b';
        for (const char symbol : {'.', ' ', 'a', 'b'}) rows.push_back(std::log(symbol == letter ? 0.94f : 0.02f));
      }
      answers.push_back(std::move(rows));
    }
    return answers;
  }
};

struct Found {
  int64_t first, end;
  std::optional<Streams> heard_by;
  std::string missing;
  bool operator==(const Found&) const = default;
};
void PrintTo(const Found& found, std::ostream* out) {
  *out << found.first << "-" << found.end << " " << (found.heard_by ? name_of(*found.heard_by) : "nobody") << " ("
       << found.missing << ")";
}

std::vector<Found> run(const Recording& recording, const ModelKinds& kinds, Speller& speller, Wanted available = {},
                       size_t chunk = 7) {
  SentenceStreamSettings settings;
  settings.models = kinds;
  settings.available = {available.video && kinds.wanted().video, available.audio && kinds.wanted().audio};
  settings.window_frames = 50;
  settings.cutting.symbols = 4;
  settings.cutting.separator = 1;
  std::vector<Found> found;
  SentenceStream stream(settings, std::ref(speller), [&](Utterance&& u) {
    found.push_back({u.first_frame, u.first_frame + u.frames, u.answer.heard_by, missing_text(u.answer)});
  });
  const std::vector<float> sound = recording.sound();
  for (size_t at = 0; at < recording.letters.size(); at += chunk) {
    const std::string letters = recording.letters.substr(at, chunk);
    io::Frames mouth;
    std::vector<uint8_t> faces;
    std::span<const float> audio;
    if (settings.available.video) {
      mouth = {static_cast<int>(letters.size()), 1, 1, {letters.begin(), letters.end()}};
      for (const char letter : letters) faces.push_back(std::isupper(letter) ? 0 : 1);
    }
    if (settings.available.audio)
      audio = std::span(sound).subspan(at * io::kSamplesPerFrame, letters.size() * io::kSamplesPerFrame);
    stream.push(static_cast<int>(letters.size()), mouth, faces, audio);
  }
  stream.finish();
  EXPECT_EQ(stream.frames(), static_cast<int64_t>(recording.letters.size()));
  return found;
}

std::string times(int count, char letter) { return std::string(static_cast<size_t>(count), letter); }

TEST(SentenceStream, SkipsSilenceAndGivesEachSentenceItsOwnWindow) {
  const Recording recording{times(60, '.') + times(30, 'a') + times(60, '.') + times(40, 'b') + times(60, '.')};
  Speller speller;
  const auto found = run(recording, {.audiovisual = true}, speller);
  ASSERT_EQ(found.size(), 5u) << testing::PrintToString(found);
  EXPECT_EQ(found[0].missing, "silence");
  EXPECT_EQ(found[1].heard_by, Streams::audiovisual);
  EXPECT_NEAR(static_cast<double>(found[1].first), 45, 1);
  EXPECT_NEAR(static_cast<double>(found[1].end), 105, 1);
  EXPECT_EQ(found[3].heard_by, Streams::audiovisual);
  EXPECT_EQ(found.back().end, 250);
  // Both are longer than a window, and two cover each.
  EXPECT_THAT(speller.asked, testing::SizeIs(4));
  EXPECT_THAT(speller.asked, testing::Each(std::pair(Streams::audiovisual, 50)));
}

TEST(SentenceStream, AsksTheModelThatCanAnswer) {
  // The face is lost in the middle of speech.
  const Recording recording{times(60, '.') + times(40, 'a') + times(30, 'A') + times(60, '.')};
  Speller speller;
  const auto found = run(recording, {true, true, true}, speller);
  ASSERT_EQ(found.size(), 4u) << testing::PrintToString(found);
  EXPECT_EQ(found[1].heard_by, Streams::audiovisual);
  EXPECT_EQ(found[1].end, 100);
  EXPECT_EQ(found[2].heard_by, Streams::audio);
  EXPECT_EQ(found[2].missing, "no face");

  Speller lips;
  const auto silent = run(recording, {true, true, true}, lips, {.video = true, .audio = false});
  ASSERT_EQ(silent.size(), 2u) << testing::PrintToString(silent);
  EXPECT_EQ(silent[0].heard_by, Streams::video);
  EXPECT_EQ(silent[0].missing, "no sound");
  EXPECT_EQ(silent[1], (Found{100, 130, std::nullopt, "no face, no sound"}));

  Speller ears;
  const auto dark = run(recording, {true, true, true}, ears, {.video = false, .audio = true});
  EXPECT_THAT(ears.asked, testing::Each(testing::Field(&std::pair<Streams, int>::first, Streams::audio)));
  EXPECT_EQ(dark[1].missing, "no face");
}

TEST(SentenceStream, LipsAloneAreReadThroughout) {
  const Recording recording{times(40, '.') + times(30, 'a') + times(40, '.') + times(30, 'b') + times(20, '.')};
  Speller speller;
  const auto found = run(recording, {.video = true}, speller);
  ASSERT_EQ(found.size(), 2u) << testing::PrintToString(found);
  EXPECT_EQ(found[0].heard_by, Streams::video);
  EXPECT_LT(found[0].first, 40);
  EXPECT_GT(found[0].end, 70);
  EXPECT_LE(found[0].end, 90);
  EXPECT_LE(speller.largest_batch, 8u);
}

// A sentence is found and cut the same wherever it stands, and however the recording comes in.
TEST(SentenceStream, WhatIsHeardDoesNotDependOnThePlaceInTheRecording) {
  const std::string part = times(130, '.') + times(90, 'a') + times(40, '.') + times(33, 'b') + times(130, '.');
  Speller alone, behind;
  const auto first = run({part}, {.audiovisual = true}, alone);
  const auto second = run({times(17, 'b') + part}, {.audiovisual = true}, behind, {}, 31);
  ASSERT_GE(first.size(), 4u);
  ASSERT_EQ(second.size(), first.size() + 1) << testing::PrintToString(second);
  for (size_t i = 1; i < first.size(); ++i) {
    EXPECT_EQ(second[i + 1].first, first[i].first + 17);
    EXPECT_EQ(second[i + 1].end, first[i].end + 17);
  }
}

}  // namespace
}  // namespace avsr::pipeline
