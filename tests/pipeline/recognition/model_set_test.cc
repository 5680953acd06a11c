#include "pipeline/recognition/model_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <numbers>
#include <stdexcept>

#include "io/sound_file.h"
#include "io/temporary_folder.h"
#include "pipeline/device.h"
#include "pipeline/recognition/transcribe.h"

namespace avsr::pipeline {
namespace {

using models::Streams;
using testing::AllOf;
using testing::Each;
using testing::Field;
using testing::HasSubstr;
using testing::ThrowsMessage;

// The trained models of one corpus: made to go together.
class ModelSetTest : public testing::Test {
 protected:
  ModelSetTest() : backend_(open_device({"cpu", 1})) {}
  Recognizer* load(const std::string& path) {
    loaded_.push_back(std::make_unique<Recognizer>(*backend_, path));
    return loaded_.back().get();
  }
  Recognizer* grid(const std::string& kind) {
    return load(AVSR_SOURCE_DIR "/trained/grid-s1/" + kind + ".safetensors");
  }
  // The audio model with something changed in its file.
  Recognizer* changed(const std::function<void(models::ModelFile&)>& change) {
    models::LoadedModel model = models::load_model(AVSR_SOURCE_DIR "/trained/grid-s1/audio.safetensors", *backend_);
    change(model.file);
    const std::string path = folder_ / "changed.safetensors";
    models::save_model(path, model.file, model.network->parameters());
    return load(path);
  }

  io::TemporaryFolder folder_;
  std::unique_ptr<backend::Backend> backend_;
  std::vector<std::unique_ptr<Recognizer>> loaded_;
};

TEST_F(ModelSetTest, TakesOneModelOfEachKind) {
  const ModelSet models({grid("video"), grid("audio"), grid("audiovisual")});
  EXPECT_TRUE(models.kinds().audio && models.kinds().video && models.kinds().audiovisual);
  EXPECT_EQ(models.of(Streams::video).streams(), Streams::video);
  EXPECT_EQ(models.labels().size(), 52u);
  EXPECT_TRUE(models.crop().has_value());
  EXPECT_FALSE(ModelSet({grid("audio")}).crop().has_value());
}

TEST_F(ModelSetTest, RefusesModelsThatDoNotGoTogetherNamingBoth) {
  Recognizer* video = grid("video");
  const auto refused = [&](Recognizer* other, const std::string& what) {
    EXPECT_THAT([&] { ModelSet({video, other}); },
                ThrowsMessage<std::invalid_argument>(
                    AllOf(HasSubstr(video->path()), HasSubstr(other->path()), HasSubstr(what))));
  };
  refused(grid("video"), "both are video models");
  refused(changed([](models::ModelFile& file) { file.labels[3] = "zebra"; }), "\"zebra\"");
  refused(changed([](models::ModelFile& file) { file.preprocessing["window_frames"] = 31; }),
          "windows of 29 frames and of 31");
  EXPECT_THROW(ModelSet({}), std::invalid_argument);
}

TEST_F(ModelSetTest, ChecksThatSomeModelCanAnswer) {
  io::MediaInfo sound;
  sound.path = "voice.wav";
  sound.has_audio = true;
  EXPECT_NO_THROW(ModelSet({grid("audio"), grid("video")}).check(sound));
  EXPECT_THAT([&] { ModelSet({grid("video")}).check(sound); },
              ThrowsMessage<std::runtime_error>(AllOf(HasSubstr("voice.wav"), HasSubstr("no video track"))));
  EXPECT_THAT([&] { ModelSet({grid("audiovisual")}).check(sound); },
              ThrowsMessage<std::runtime_error>(HasSubstr("no video track")));
}

TEST_F(ModelSetTest, ASoundFileIsHeardByTheAudioModel) {
  io::Waveform wave;
  for (int i = 0; i < 2 * io::kSampleRate; ++i)
    wave.samples.push_back(static_cast<float>(0.3 * std::sin(2 * std::numbers::pi * 300 * i / io::kSampleRate)));
  io::write_wav(folder_ / "tone.wav", wave);
  TranscribeSettings settings;
  settings.unknown_below = 0.01f;
  const Transcriber transcriber(ModelSet({grid("audio"), grid("audiovisual")}), nullptr, settings);
  const Transcript transcript = transcriber.transcribe(folder_ / "tone.wav");
  EXPECT_EQ(transcript.frames, 50);
  EXPECT_THAT(transcript.words, Each(Field(&SpokenWord::heard_by, Streams::audio)));
  ASSERT_EQ(transcript.segments.size(), 1u);
  EXPECT_EQ(transcript.segments[0].heard_by, Streams::audio);
  EXPECT_EQ(transcript.segments[0].missing, "no face");
  EXPECT_EQ(transcript.models.size(), 2u);
}

TEST_F(ModelSetTest, SentenceOptionsAreNotForWordModels) {
  TranscribeSettings settings;
  settings.sentences.n_best = 5;
  EXPECT_THAT([&] { Transcriber(ModelSet({grid("audio")}), nullptr, settings); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("--n-best")));
}

}  // namespace
}  // namespace avsr::pipeline
