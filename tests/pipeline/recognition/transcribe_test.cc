#include "pipeline/recognition/transcribe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "io/sound_file.h"
#include "models/model_file.h"
#include "models/safetensors.h"
#include "pipeline/device.h"
#include "pipeline/recognition/decoding_choice.h"
#include "pipeline/recognition/transcript_score.h"
#include "pipeline/recognition/word_sequence.h"
#include "pipeline/training/schedule.h"
#include "tests/pipeline/small_corpus.h"

namespace avsr::pipeline {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Background, WindowsLieBetweenAndBehindTheWordsOfASentence) {
  TemporaryFolder folder;
  write_small_corpus(folder / "data", true);
  const auto dataset = Dataset::open(folder / "data", "train", {.background = true});
  ASSERT_EQ(dataset->labels().front(), kBackgroundLabel);
  std::vector<int> starts;
  for (const Sample& sample : dataset->samples())
    if (sample.label == 0) starts.push_back(sample.first_frame);
  // Words fill frames 5-10, 25-30 and 37-40 of 50: the gaps 10-25 and 40-50 hold a window, its middle 4 frames in.
  EXPECT_THAT(starts, testing::ElementsAre(0, 30));
  const auto without = Dataset::open(folder / "data", "train", {.labels = dataset->labels()});
  EXPECT_EQ(without->samples().size() + 2, dataset->samples().size());
}

TEST(TranscriptScore, CountsWordErrorsAndWordsInSilence) {
  TranscriptScore score;
  const std::vector<io::Word> reference{{"down", 0.2, 0.4}, {"up", 1.0, 1.2}};
  score.add(reference, {{"down", 0.2, 0.4, 1}, {"up", 1.5, 1.7, 1}}, 2);
  EXPECT_EQ(score.errors().errors(), 0);
  EXPECT_NEAR(score.start_error_seconds().value(), 0.25, 1e-9);  // of 0 and 0.5
  EXPECT_EQ(score.false_words(), 1);
  EXPECT_NEAR(score.silence_seconds(), 1.6, 1e-9);
  score.add(reference, {{"up", 1.0, 1.2, 1}}, 2);
  EXPECT_EQ(score.errors().deletions, 1);
  EXPECT_EQ(score.errors().reference, 4);
  EXPECT_NEAR(score.end_error_seconds().value(), 0, 1e-9);  // of 0, 0.5 and 0: the missed word has none
  EXPECT_NEAR(score.false_words_a_minute(), 60 / 3.2, 1e-9);
  EXPECT_EQ(score.json().at("files"), 2);
}

class TranscribeTest : public testing::Test {
 protected:
  TranscribeTest() : backend_(open_device({"cpu", 1})) {
    write_small_corpus(folder_ / "data");
    RunSettings run;
    run.recipe = small_recipe({"stages.a-conv.epochs=25", "stages.a-rec.epochs=10", "stages.a-rec.rate=0.01"});
    run.data = folder_ / "data";
    run.out = folder_ / "run";
    run.stages = {"a-conv", "a-rec"};
    run.workers = 1;
    run_schedule(*backend_, run);
    model_ = folder_ / "run/audio.safetensors";
  }
  // A tone of `hertz`: 400 is "down", 900 is "up".
  std::string tone(double hertz, double seconds) const {
    io::Waveform wave;
    for (int i = 0; i < static_cast<int>(seconds * io::kSampleRate); ++i)
      wave.samples.push_back(static_cast<float>(0.3 * std::sin(2 * std::numbers::pi * hertz * i / io::kSampleRate)));
    const std::string path = folder_ / "tone.wav";
    io::write_wav(path, wave);
    return path;
  }

  TemporaryFolder folder_;
  std::unique_ptr<backend::Backend> backend_;
  std::string model_;
};

TEST_F(TranscribeTest, ThresholdsAreChosenKeptAndUsed) {
  const auto before = models::read_safetensors(model_);
  EXPECT_TRUE(models::read_model_header(model_).decoding.is_null());
  EXPECT_FALSE(choose_decoding(*backend_, model_, folder_ / "data", [](int64_t, int64_t) { return false; }));
  EXPECT_TRUE(models::read_model_header(model_).decoding.is_null());  // stopped: nothing is chosen
  EXPECT_THAT(choose_decoding(*backend_, model_, folder_ / "data").value(), HasSubstr("of 8 validation clips"));
  const auto after = models::read_safetensors(model_);
  ASSERT_EQ(before.tensors.size(), after.tensors.size());
  for (size_t i = 0; i < before.tensors.size(); ++i) EXPECT_EQ(before.tensors[i].values, after.tensors[i].values);

  Recognizer recognizer(*backend_, model_);
  TranscribeSettings settings;
  EXPECT_GT(decoding_from_json(recognizer.decoding()).unknown_below, 0);

  // A clip as long as a window has one answer, with the alternatives beside it.
  settings.unknown_below = 0.01f;
  const Transcript word = transcribe_file(recognizer, nullptr, tone(900, 1.16), settings);
  ASSERT_EQ(word.words.size(), 1u);
  EXPECT_EQ(word.words[0].word.text, "up");
  EXPECT_NEAR(word.words[0].word.end_seconds, 1.16, 1e-9);
  EXPECT_EQ(word.words[0].alternatives.size(), 2u);
  EXPECT_EQ(to_json(word).at("words").at(0).at("text"), "up");

  int64_t done = 0, of = 0;
  const Transcript stream = transcribe_file(recognizer, nullptr, tone(400, 4), settings, [&](int64_t d, int64_t e) {
    done = d;
    of = e;
  });
  EXPECT_EQ(done, 100);
  EXPECT_EQ(of, 100);
  ASSERT_FALSE(stream.words.empty());
  EXPECT_EQ(stream.words[0].word.text, "down");
  EXPECT_EQ(stream.frames, 100);

  // Silence holds no word, and what is missing is named.
  EXPECT_TRUE(transcribe_file(recognizer, nullptr, tone(0, 3), settings).words.empty());
  EXPECT_THAT([&] { transcribe_file(recognizer, nullptr, folder_ / "absent.wav", settings); },
              ThrowsMessage<std::runtime_error>(HasSubstr("absent.wav")));
}

}  // namespace
}  // namespace avsr::pipeline
