// The commands as a user calls them: help, complaints, what they print, write and return. One small corpus and one run
// of its recipe serve all.
#include "pipeline/commands/commands.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <numbers>
#include <optional>

#include "io/atomic_file.h"
#include "io/image_file.h"
#include "io/sound_file.h"
#include "io/video_writer.h"
#include "tests/pipeline/command_call.h"
#include "tests/pipeline/small_corpus.h"

namespace avsr::pipeline {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(Commands, HelpShowsAnExampleAndUnknownOptionsTheNearest) {
  for (const Command& command : all_commands()) {
    const Outcome help = call(command.run, {"--help"});
    EXPECT_EQ(help.code, 0) << command.name;
    EXPECT_THAT(help.out, AllOf(HasSubstr("xample"), HasSubstr(std::string("avsr ") + command.name)));
    EXPECT_THAT(call(command.run, {"--no-such-option"}).misuse, HasSubstr("no-such-option")) << command.name;
  }
}

TEST(Commands, MissingArgumentsAreNamed) {
  EXPECT_THAT(call(run_train, {"demo", "--out", "x"}).misuse, HasSubstr("data"));
  EXPECT_THAT(call(run_train, {"no-such-recipe", "--data", "x", "--out", "x"}).misuse +
                  call(run_train, {"no-such-recipe", "--data", "x", "--out", "x"}).failure,
              HasSubstr("no-such-recipe"));
  EXPECT_THAT(call(run_transcribe, {"only.safetensors", "--out", "x"}).misuse, HasSubstr("at least one media file"));
  EXPECT_THAT(call(run_inspect, {"/no/such/file"}).failure, HasSubstr("/no/such/file"));
}

// A bar that moves down, as the corpus' word of that name.
std::string falling_bar(const std::string& path, int frames) {
  io::Frames pictures{frames, kSmallCrop, kSmallCrop, {}};
  pictures.pixels.assign(pictures.frame_size() * static_cast<size_t>(frames), 40);
  for (int t = 0; t < frames; ++t)
    std::fill_n(pictures.frame(t) + t % kSmallCrop * kSmallCrop, kSmallCrop, uint8_t{220});
  io::VideoWriterOptions options;
  options.layout = io::PixelLayout::kGrey;
  options.crf = 5;
  io::write_video(path, pictures, {}, options);
  return path;
}

// A corpus and a trained run. ctest makes them anew for each test, so that these are few.
class CommandsOnARun : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_.emplace();
    write_small_corpus(*folder_ / "data");
    io::write_file_atomically(*folder_ / "small.yaml", small_recipe_text());
    trained_ = call(run_train, train_arguments());
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static Arguments train_arguments() {
    return {*folder_ / "small.yaml",  "--data", *folder_ / "data", "--out", *folder_ / "run", "--threads", "1", "--set",
            "stages.v-conv.epochs=20"};
  }
  static std::string path(const std::string& name) { return *folder_ / name; }
  static std::string model(const std::string& stage) { return path("run/" + stage + "/model.safetensors"); }

  static std::optional<io::TemporaryFolder> folder_;
  static Outcome trained_;
};
std::optional<io::TemporaryFolder> CommandsOnARun::folder_;
Outcome CommandsOnARun::trained_;

TEST_F(CommandsOnARun, TrainEvaluateAndInspectTellAndWrite) {
  EXPECT_EQ(trained_.code, 0) << trained_.failure << trained_.misuse;
  EXPECT_THAT(trained_.out, AllOf(HasSubstr("recipe small"), HasSubstr("next: avsr evaluate")));
  for (const char* name : {"audio", "video", "audiovisual"})
    EXPECT_TRUE(fs::exists(path(std::string("run/") + name + ".safetensors"))) << name;
  EXPECT_THAT(call(run_train, train_arguments()).failure, HasSubstr("--resume")) << "a second run must not overwrite";

  // evaluate: a row for each model and level
  const Outcome outcome = call(
      run_evaluate, {path("run/audio.safetensors"), path("run/video.safetensors"), "--data", path("data"), "--noise",
                     "white", "--snr", "clean,0", "--out", path("report"), "--threads", "1", "--choose-on", ""});
  ASSERT_EQ(outcome.code, 0) << outcome.failure << outcome.misuse;
  const json results = json::parse(io::read_text_file(path("report/results.json")));
  const json& rows = results.at("rows");
  ASSERT_EQ(rows.size(), 4u);
  for (const json& row : rows) {
    for (const char* key : {"model", "streams", "noise", "snr_db", "accuracy", "clips"})
      EXPECT_TRUE(row.contains(key)) << key;
    EXPECT_EQ(row.at("clips"), 8);
  }
  // and for each model, where it is clean, its words and what it took them for
  const json& systems = results.at("systems");
  ASSERT_EQ(systems.size(), 2u);
  int64_t correct = 0, confused = 0;
  for (const json& word : systems.at(0).at("by_word")) correct += word.at("correct").get<int64_t>();
  for (const json& one : systems.at(0).at("confusions")) confused += one.at("clips").get<int64_t>();
  EXPECT_EQ(correct, rows.at(0).at("correct"));
  EXPECT_EQ(correct + confused, 8);
  EXPECT_EQ(systems.at(1).at("snr_db"), "clean");
  EXPECT_TRUE(systems.at(1).at("temperature").is_null());
  EXPECT_THAT(io::read_text_file(path("report/results.md")), HasSubstr("## Words of audio, clean"));
  EXPECT_THAT(call(run_evaluate, {model("a-rec"), "--data", path("data"), "--snr", "loud"}).misuse, HasSubstr("loud"));
  EXPECT_THAT(call(run_evaluate, {model("a-rec"), "--data", path("absent")}).failure, HasSubstr("absent"));

  const Outcome model_told = call(run_inspect, {path("run/audiovisual.safetensors")});
  EXPECT_EQ(model_told.code, 0);
  EXPECT_THAT(model_told.out, AllOf(HasSubstr("2: down, up"), HasSubstr("averaging          logits of all steps\n"),
                                    HasSubstr("architecture"), HasSubstr("provenance")));
  io::write_file_atomically(path("broken.safetensors"), "broken");
  EXPECT_THAT(call(run_inspect, {path("broken.safetensors")}).failure, HasSubstr("broken.safetensors"));
}

// Weights and temperatures come from the validation split. Of a clip without video the ear alone answers.
TEST_F(CommandsOnARun, DecisionsAreJoinedAndMissingStreamsStoodInFor) {
  const std::string ear = path("run/audio.safetensors"), eye = path("run/video.safetensors"),
                    both = path("run/audiovisual.safetensors");
  const Outcome outcome =
      call(run_evaluate, {"A=" + ear, "V=" + eye, "AV=" + both, "--data", path("data"), "--noise", "white", "--snr",
                          "clean,0", "--missing", "video,audio", "--out", path("joined"), "--threads", "1"});
  ASSERT_EQ(outcome.code, 0) << outcome.failure << outcome.misuse;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("without video, A answers in place of AV"),
                                 HasSubstr("without sound, V answers in place of AV"), HasSubstr("A + V, vote")));
  const json results = json::parse(io::read_text_file(path("joined/results.json")));
  std::map<std::string, std::map<std::string, std::string>> right;  // condition -> system -> clip by clip
  for (const json& row : results.at("rows"))
    right[fmt::format("{} {} {}", row.at("noise").get<std::string>(), row.at("snr_db").dump(),
                      row.at("missing").dump())][row.at("model").get<std::string>()] =
        row.at("right").get<std::string>();
  ASSERT_EQ(right.size(), 5u);  // clean and noisy, with and without video; without sound
  const auto &dark = right.at(R"(white 0.0 "video")"), &silent = right.at(R"(none "clean" "audio")");
  EXPECT_EQ(dark.count("V"), 0u);
  EXPECT_EQ(silent.count("A"), 0u);
  EXPECT_EQ(dark.at("AV"), dark.at("A"));
  EXPECT_EQ(dark.at("A + V, vote"), dark.at("A"));
  EXPECT_EQ(dark.at("A"), right.at("white 0.0 null").at("A"));
  EXPECT_EQ(silent.at("AV"), silent.at("V"));
  EXPECT_EQ(silent.at("V"), right.at(R"(none "clean" null)").at("V"));
  EXPECT_EQ(results.at("fusion").at("split"), "val");
  EXPECT_EQ(results["fusion"].at("rules").size(), 2u);
  for (const json& system : results.at("systems"))
    EXPECT_EQ(system.at("temperature").is_number(), system.at("model").get<std::string>().size() <= 2)
        << system.at("model");

  EXPECT_THAT(call(run_evaluate, {both, eye, "--data", path("data"), "--missing", "video"}).failure,
              AllOf(HasSubstr("audiovisual.safetensors"), HasSubstr("modality dropout"), HasSubstr("an audio model")));
  EXPECT_THAT(call(run_evaluate, {"A=" + ear, eye, "--data", path("data"), "--threads", "1", "--choose-on", ""}).out,
              AllOf(HasSubstr("\nA "), HasSubstr("\nvideo ")));
  EXPECT_THAT(call(run_evaluate, {"video=" + ear, eye, "--data", path("data")}).misuse, HasSubstr("two models"));
  EXPECT_THAT(call(run_evaluate, {ear, "--data", path("data"), "--missing", "smell"}).misuse, HasSubstr("smell"));

  const Outcome same = call(run_compare, {path("joined"), path("joined/results.json")});
  ASSERT_EQ(same.code, 0) << same.failure << same.misuse;
  EXPECT_THAT(same.out, AllOf(HasSubstr("8 clips"), HasSubstr("0 of "), HasSubstr("white 0 dB, no video")));
  EXPECT_THAT(call(run_compare, {path("joined")}).misuse, HasSubstr("expected two"));
}

TEST_F(CommandsOnARun, TranscribeReadsLipsAndGoesOnAfterABadFile) {
  const std::string video = falling_bar(path("bar.mp4"), 29);
  const Outcome outcome = call(run_transcribe, {model("v-conv"), video, "--out", path("text"), "--unknown-below",
                                                "0.01", "--format", "txt,srt,vtt,json", "--threads", "1"});
  ASSERT_EQ(outcome.code, 0) << outcome.error << outcome.failure << outcome.misuse;
  EXPECT_THAT(io::read_text_file(path("text/bar.txt")), HasSubstr("down"));
  EXPECT_THAT(io::read_text_file(path("text/bar.srt")), HasSubstr("00:00:00,000 --> 00:00:01,160"));
  EXPECT_THAT(io::read_text_file(path("text/bar.vtt")), HasSubstr("WEBVTT"));
  const json transcript = json::parse(io::read_text_file(path("text/bar.json")));
  EXPECT_EQ(transcript.at("frames"), 29);
  EXPECT_EQ(transcript.at("words").at(0).at("text"), "down");
  EXPECT_EQ(transcript.at("words").at(0).at("alternatives").size(), 2u);

  const std::string longer = falling_bar(path("good.mp4"), 60);
  io::write_file_atomically(path("bad.mp4"), "no video");
  const Outcome mixed = call(run_transcribe, {model("v-conv"), path("bad.mp4"), longer, path("absent.mp4"), "--out",
                                              path("mixed"), "--threads", "1"});
  EXPECT_EQ(mixed.code, 1);
  EXPECT_EQ(mixed.failure + mixed.misuse, "");
  EXPECT_TRUE(fs::exists(path("mixed/good.json")));
  EXPECT_FALSE(fs::exists(path("mixed/bad.json")));
  EXPECT_THAT(mixed.error, AllOf(HasSubstr("bad.mp4"), HasSubstr("absent.mp4"), HasSubstr("2 of 3 files failed")));
  EXPECT_THAT(call(run_transcribe, {model("v-conv"), video, "--out", path("x"), "--format", "doc"}).misuse,
              HasSubstr("doc"));
}

TEST(Commands, InspectShowsTheClipsOfPreparedData) {
  const TemporaryFolder folder;
  write_small_corpus(folder / "data");
  const Outcome outcome = call(run_inspect, {folder / "data", "--sheet", folder / "data.png"});
  EXPECT_EQ(outcome.code, 0) << outcome.failure;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("clips              40"), HasSubstr("train            24")));
  const io::Image sheet = io::decode_image(io::read_binary_file(folder / "data.png"), 1, "data.png");
  EXPECT_GE(sheet.width, 15 * kSmallCrop);
  EXPECT_GE(sheet.height, 3 * kSmallCrop) << "40 tiles, 15 a row";
}

TEST(Commands, InspectLooksIntoAMediaFile) {
  const TemporaryFolder folder;
  const std::string video = falling_bar(folder / "look.mp4", 50);
  const Outcome fixed = call(run_inspect, {video, "--crop", "fixed", "--sheet", folder / "look.png"});
  EXPECT_EQ(fixed.code, 0) << fixed.failure;
  EXPECT_THAT(fixed.out,
              AllOf(HasSubstr("24x24"), HasSubstr("50 frames at 25 a second"), HasSubstr("audio              none")));
  EXPECT_THAT(call(run_inspect, {video, "--crop", "round"}).misuse, HasSubstr("round"));

  io::Waveform tone;
  for (int i = 0; i < io::kSampleRate; ++i)
    tone.samples.push_back(static_cast<float>(0.3 * std::sin(2 * std::numbers::pi * 440 * i / io::kSampleRate)));
  io::write_wav(folder / "tone.wav", tone);
  const Outcome sound = call(run_inspect, {folder / "tone.wav", "--sheet", folder / "none.png"});
  EXPECT_EQ(sound.code, 0) << sound.failure;
  EXPECT_THAT(sound.out, AllOf(HasSubstr("video              none"), HasSubstr("16000 samples")));
  EXPECT_FALSE(fs::exists(folder / "none.png"));
}

}  // namespace
}  // namespace avsr::pipeline
