#include "pipeline/recognition/transcript.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace avsr::pipeline {
namespace {

TEST(Transcript, SaysInJsonWhoHeardWhatAndWhatWasMissing) {
  Transcript transcript;
  transcript.media.path = "talk.mp4";
  transcript.frames = 100;
  transcript.models = {{"lips.safetensors", models::Streams::video, {{"hop_frames", 2}}}};
  transcript.words = {{{"bin", 0.5, 0.75, 0.9}, false, models::Streams::video, 1, {{"bin", 0.9}, {"pin", 0.1}}},
                      {{"unknown", 1, 1.5, 0.2}, true, models::Streams::video, kNoFace, {}}};
  transcript.segments = {{0, 2, models::Streams::video, "silence", 1, "bin", {{"bin", -2.5, -2, -0.5}}},
                         {2, 4, std::nullopt, "no face, silence", kNoFace, "", {}}};
  const nlohmann::json json = to_json(transcript);
  EXPECT_EQ(json.at("file"), "talk.mp4");
  EXPECT_EQ(json.at("seconds"), 4);
  EXPECT_FALSE(json.contains("audio_offset_seconds"));
  EXPECT_EQ(json.at("models"), R"([{"file": "lips.safetensors", "streams": "video",
                                    "decoding": {"hop_frames": 2}}])"_json);
  EXPECT_EQ(json.at("words").at(0), R"({"text": "bin", "start": 0.5, "end": 0.75, "confidence": 0.9, "unknown": false,
                                        "heard_by": "video", "face": 1, "alternatives": [
                                        {"text": "bin", "probability": 0.9}, {"text": "pin", "probability": 0.1}]})"_json);
  EXPECT_FALSE(json.at("words").at(1).contains("face"));
  EXPECT_EQ(json.at("segments"), R"([
      {"start": 0.0, "end": 2.0, "heard_by": "video", "missing": "silence", "face": 1, "text": "bin",
       "n_best": [{"text": "bin", "score": -2.5, "acoustic": -2.0, "language": -0.5}]},
      {"start": 2.0, "end": 4.0, "heard_by": null, "missing": "no face, silence", "text": ""}])"_json);
  ASSERT_EQ(transcript.known_words().size(), 1u);
  EXPECT_EQ(transcript.known_words()[0].text, "bin");

  transcript.audio_offset_seconds = -0.08;
  EXPECT_EQ(to_json(transcript).at("audio_offset_seconds"), -0.08);
}

}  // namespace
}  // namespace avsr::pipeline
