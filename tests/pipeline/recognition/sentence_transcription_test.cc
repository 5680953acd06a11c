// From a sound file to a transcript and to an alignment by a sentence model: the trained word model of the same network
// with its labels taken for symbols, so that what it writes means nothing, but goes the whole way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <numbers>
#include <stdexcept>

#include "io/sound_file.h"
#include "io/temporary_folder.h"
#include "pipeline/device.h"
#include "pipeline/recognition/text_alignment.h"

namespace avsr::pipeline {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

class SentenceTranscription : public testing::Test {
 protected:
  SentenceTranscription() : backend_(open_device({"cpu", 1})) {
    const std::string words = AVSR_SOURCE_DIR "/trained/grid-s1/audio.safetensors";
    models::LoadedModel model = models::load_model(words, *backend_);
    std::vector<std::string>& labels = model.file.labels;
    for (size_t i = 0; i < labels.size(); ++i) labels[i] = std::string(1, static_cast<char>('A' + i));
    labels[0] = "<blank>";
    labels[1] = " ";
    model.file.averaging = {models::Loss::ctc, 0};
    model.file.decoding = nullptr;
    models::save_model(folder_ / "sentences.safetensors", model.file, model.network->parameters());
    recognizer_ = std::make_unique<Recognizer>(*backend_, folder_ / "sentences.safetensors");
    io::write_wav(folder_ / "buzz.wav", buzz());
  }
  // A buzz from 2 to 4 of 6 seconds, in a little noise.
  static io::Waveform buzz() {
    io::Waveform wave;
    for (int i = 0; i < 6 * io::kSampleRate; ++i) {
      const double t = static_cast<double>(i) / io::kSampleRate, hash = std::sin(i * 12.9898) * 43758.5453;
      double value = 0.01 * (hash - std::floor(hash) - 0.5);
      for (int h = 1; t >= 2 && t < 4 && h <= 30; ++h)
        value += 0.02 * std::sin(2 * std::numbers::pi * 120 * h * t + h * h);
      wave.samples.push_back(static_cast<float>(value));
    }
    return wave;
  }

  io::TemporaryFolder folder_;
  std::unique_ptr<backend::Backend> backend_;
  std::unique_ptr<Recognizer> recognizer_;
};

TEST_F(SentenceTranscription, SkipsSilenceAndListsTexts) {
  TranscribeSettings settings;
  settings.sentences.n_best = 3;
  const Transcriber transcriber(ModelSet({recognizer_.get()}), nullptr, settings);
  const Transcript transcript = transcriber.transcribe(folder_ / "buzz.wav");
  EXPECT_EQ(transcript.frames, 150);
  ASSERT_EQ(transcript.models.size(), 1u);
  EXPECT_EQ(transcript.models[0].decoding.at("kind"), "ctc");
  ASSERT_FALSE(transcript.segments.empty());
  EXPECT_EQ(transcript.segments.front().missing, "silence");
  for (const Segment& segment : transcript.segments) {
    if (!segment.heard_by) continue;
    EXPECT_GE(segment.start_seconds, 1.3);
    EXPECT_LE(segment.end_seconds, 4.7);
    EXPECT_EQ(segment.n_best.size(), 3u);
    EXPECT_EQ(segment.n_best.at(0).text, segment.text);
  }
}

TEST_F(SentenceTranscription, AlignsAGivenText) {
  const Transcriber transcriber(ModelSet({recognizer_.get()}), nullptr, {});
  const AlignedText aligned = align_file(transcriber, folder_ / "buzz.wav", "CDE  F\nGHI");
  ASSERT_EQ(aligned.words.size(), 3u);
  EXPECT_EQ(aligned.words[1].text, "F");
  double before = 0;
  for (const io::TimedWord& word : aligned.words) {
    EXPECT_GE(word.start_seconds, before);
    EXPECT_GT(word.end_seconds, word.start_seconds);
    before = word.end_seconds;
  }
  EXPECT_LE(before, 6);
  EXPECT_THAT([&] { align_file(transcriber, folder_ / "buzz.wav", std::string(200, 'C')); },
              ThrowsMessage<std::runtime_error>(HasSubstr("200 letters do not fit its 150 frames")));
}

TEST_F(SentenceTranscription, AWordModelAlignsNothing) {
  Recognizer words(*backend_, AVSR_SOURCE_DIR "/trained/grid-s1/audio.safetensors");
  const Transcriber transcriber(ModelSet({&words}), nullptr, {});
  EXPECT_THAT([&] { align_file(transcriber, folder_ / "buzz.wav", "C"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("writes sentences")));
}

}  // namespace
}  // namespace avsr::pipeline
