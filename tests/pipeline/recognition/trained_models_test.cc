// The models in trained/: that they load, are small, have a card, and read a real face.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "io/atomic_file.h"
#include "io/program.h"
#include "io/temporary_folder.h"
#include "models/model_file.h"
#include "pipeline/device.h"
#include "pipeline/recognition/recognizer.h"
#include "tests/pipeline/command_call.h"

namespace avsr::pipeline {
namespace {

using testing::HasSubstr;

const std::filesystem::path kFolder = AVSR_SOURCE_DIR "/trained/grid-s1";
constexpr const char* kKinds[] = {"audio", "video", "audiovisual"};

std::filesystem::path file_of(const std::string& kind) { return kFolder / (kind + ".safetensors"); }

TEST(TrainedModels, LoadAndAreSmallAndHaveACard) {
  const auto backend = open_device({"cpu", 1});
  const std::string card = io::read_text_file((kFolder / "README.md").string());
  uintmax_t bytes = 0;
  for (const std::string kind : kKinds) {
    const models::LoadedModel model = models::load_model(file_of(kind), *backend);
    EXPECT_EQ(models::name_of(model.file.config.streams), kind);
    EXPECT_EQ(model.file.labels.size(), 52u);  // 51 words and silence
    EXPECT_FALSE(model.file.decoding.is_null()) << kind << ": transcribe wants its thresholds chosen";
    EXPECT_THAT(card, HasSubstr(kind + ".safetensors"));
    bytes += std::filesystem::file_size(file_of(kind));
  }
  EXPECT_LE(bytes, 8'000'000u);
  EXPECT_THAT(card, HasSubstr("CC BY 4.0"));
}

TEST(TrainedModels, ReadARealFace) {
  const char* grid = std::getenv("AVSR_GRID");
  if (!grid) GTEST_SKIP() << "AVSR_GRID does not name the GRID corpus";
  const io::TemporaryFolder folder;
  const std::filesystem::path sentence = std::filesystem::path(grid) / "s1/bbal6n.mp4";  // of the test split
  const std::string out = folder / "text";
  const Outcome outcome = call(run_transcribe, {file_of("audiovisual").string(), sentence.string(), "--out", out,
                                                "--score", "--device", "cpu", "--threads", "1"});
  ASSERT_EQ(outcome.code, 0) << outcome.failure << outcome.misuse;
  const auto score = nlohmann::json::parse(io::read_text_file(out + "/score.json"));
  EXPECT_LE(score.at("word_error_rate").get<double>(), 1.0 / 6) << outcome.out;
}

TEST(TrainedModels, OfSentencesWriteWhatWasSaid) {
  const std::filesystem::path models = AVSR_SOURCE_DIR "/trained/grid-s1-sentences";
  const auto backend = open_device({"cpu", 1});
  const std::string card = io::read_text_file((models / "README.md").string());
  uintmax_t bytes = 0;
  for (const std::string kind : kKinds) {
    const std::string file = models / (kind + ".safetensors");
    EXPECT_TRUE(Recognizer(*backend, file).sentences());
    EXPECT_THAT(card, HasSubstr(kind + ".safetensors"));
    bytes += std::filesystem::file_size(file);
  }
  EXPECT_LE(bytes, 8'000'000u);
  EXPECT_THAT(card, HasSubstr("CC BY 4.0"));

  const char* grid = std::getenv("AVSR_GRID");
  if (!grid) GTEST_SKIP() << "AVSR_GRID does not name the GRID corpus";
  const io::TemporaryFolder folder;
  const std::string out = folder / "text",
                    sentence = std::filesystem::path(grid) / "s1/bbal6n.mp4";  // of the test split
  const Outcome outcome =
      call(run_transcribe, {models / "audiovisual.safetensors", sentence, "--out", out, "--grammar",
                            AVSR_SOURCE_DIR "/recipes/grid.grammar", "--score", "--device", "cpu", "--threads", "1"});
  ASSERT_EQ(outcome.code, 0) << outcome.failure << outcome.misuse;
  const auto score = nlohmann::json::parse(io::read_text_file(out + "/score.json"));
  EXPECT_LE(score.at("word_error_rate").get<double>(), 1.0 / 6) << outcome.out;
  EXPECT_LE(score.at("start_error_seconds").get<double>(), 0.1) << outcome.out;
}

// Two people beside each other, who say different things at the same time: lips alone read each by itself as if the
// other were not there; with one sound, the words bear the number of whoever was read.
TEST(TrainedModels, ReadEveryFace) {
  const char* grid = std::getenv("AVSR_GRID");
  if (!grid) GTEST_SKIP() << "AVSR_GRID does not name the GRID corpus";
  const io::TemporaryFolder folder;
  const std::filesystem::path left = std::filesystem::path(grid) / "s1/bbal6n.mp4",
                              right = std::filesystem::path(grid) / "s1/lbad6n.mp4";
  ASSERT_TRUE(std::filesystem::exists(right));
  const std::string both = folder / "both.mp4", out = folder / "text";
  io::run_program({"ffmpeg", "-v", "error", "-i", left.string(), "-i", right.string(), "-filter_complex",
                   "[0:v][1:v]hstack", "-map", "0:a", "-c:v", "libx264", "-crf", "14", both});
  const auto words = [&](const std::string& kind, const std::string& file, const std::string& face) {
    const Outcome outcome =
        call(run_transcribe, {file_of(kind).string(), file, "--out", out, "--face", face, "--format", "json,srt",
                              "--device", "cpu", "--threads", "1", "--overwrite"});
    EXPECT_EQ(outcome.code, 0) << outcome.failure << outcome.misuse;
    const std::string stem = std::filesystem::path(file).stem().string();
    std::map<int, std::vector<std::string>> said;
    const auto transcript = nlohmann::json::parse(io::read_text_file(out + "/" + stem + ".json"));
    for (const auto& word : transcript.at("words"))
      if (!word.at("unknown").get<bool>()) said[word.value("face", 0)].push_back(word.at("text"));
    return said;
  };
  const auto alone_left = words("video", left.string(), "largest").at(0);
  const auto alone_right = words("video", right.string(), "largest").at(0);
  EXPECT_NE(alone_left, alone_right);
  const auto together = words("video", both, "all");
  EXPECT_EQ(together.at(1), alone_left);
  EXPECT_EQ(together.at(2), alone_right);
  EXPECT_THAT(io::read_text_file(out + "/both.srt"), testing::AllOf(HasSubstr("face 1: "), HasSubstr("face 2: ")));
  for (const auto& [face, said] : words("audiovisual", both, "all")) EXPECT_GE(face, 1);
}

}  // namespace
}  // namespace avsr::pipeline
