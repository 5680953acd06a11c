// Checkpoints with the public names, written by PyTorch (public_checkpoints/make_public_checkpoints.py), become models
// that give PyTorch's logits on the same clip.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "io/atomic_file.h"
#include "models/safetensors.h"
#include "tests/pipeline/commands/import_fixture.h"

namespace avsr::pipeline {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using tests::put;

class Import : public ImportFixture {
 protected:
  void expect_pytorchs_logits(const std::vector<std::string>& files, const std::string& name, const std::string& from) {
    SCOPED_TRACE(name);
    const Outcome outcome = import(files, from);
    ASSERT_EQ(outcome.code, 0) << outcome.failure << outcome.misuse;
    const models::SafetensorsFile golden = models::read_safetensors(from + "/logits.safetensors");
    const std::vector<float>& expected = golden.find(name)->values;
    const std::vector<float> found = logits_of_model();
    ASSERT_EQ(found.size(), expected.size());
    double largest = 0;
    for (size_t i = 0; i < found.size(); ++i)
      largest = std::max(largest, std::abs(static_cast<double>(found[i]) - expected[i]));
    EXPECT_LT(largest, 1e-4);
    RecordProperty("largest_difference_" + name, std::to_string(largest));
  }
};

TEST_F(Import, EveryKindGivesPyTorchsLogits) {
  for (const char* name : {"video", "audio", "audio_stage1"}) expect_pytorchs_logits({name}, name, narrow());
  expect_pytorchs_logits({"fusion", "video", "audio"}, "audiovisual", narrow());  // in any order
}

TEST_F(Import, FullSizeGivesPyTorchsLogits) {
  const char* full = std::getenv("AVSR_PUBLIC_CHECKPOINTS");
  if (!full) GTEST_SKIP() << "set AVSR_PUBLIC_CHECKPOINTS to the folder that make_public_checkpoints.py --full wrote";
  write_500_words();
  for (const char* name : {"video", "audio", "audio_stage1"}) expect_pytorchs_logits({name}, name, full);
  expect_pytorchs_logits({"video", "audio", "fusion"}, "audiovisual", full);
}

TEST_F(Import, TheModelFileSaysHowTheAuthorsFedTheirNetworks) {
  ASSERT_EQ(import({"video", "audio", "fusion"}).code, 0);
  const models::ModelFile file = models::read_model_header(model());
  const json& rule = file.preprocessing;
  EXPECT_EQ(rule.at("crop"), json::parse(R"({"method": "fixed", "top": 115, "left": 79, "height": 96, "width": 96,
                                              "source_height": 256, "source_width": 256})"));
  EXPECT_EQ(rule.at("crop_size"), 88);
  EXPECT_EQ(rule.at("pixel_normalisation").at("mean"), 0.413621);
  EXPECT_EQ(rule.at("pixel_normalisation").at("deviation"), 0.1700239);
  EXPECT_EQ(rule.at("audio_tail_samples"), 896);
  EXPECT_FALSE(file.config.video.global_pooling);
  EXPECT_EQ(file.config.audio.pool, (std::array{21, 21, 1}));
  EXPECT_EQ(file.config.fusion.hidden, 5);
  EXPECT_EQ(file.labels.at(4), "WORD4");
  EXPECT_EQ(file.provenance.at("imported_from"), json::parse(R"(["video.pt", "audio.pt", "fusion.pt"])"));
}

TEST_F(Import, EveryKeyIsAccountedFor) {
  const Outcome table = import({"video"});
  EXPECT_THAT(table.out, HasSubstr("used     module.frontend3D.0.weight"));
  EXPECT_THAT(table.out, HasSubstr("video/frontend/conv/weight"));
  EXPECT_THAT(table.out, HasSubstr("ignored  module.lstm.fc.weight"));
  const json keys = json::parse(import({"video", "audio", "fusion"}, narrow(), {"--json"}).out).at("keys");
  std::map<std::string, int> uses;
  for (const json& key : keys) ++uses[key.at("use")];
  // 113 + 90 + 18 keys; of them 19 dead ones and the streams' heads.
  EXPECT_EQ(uses, (std::map<std::string, int>{{"used", 198}, {"ignored", 23}}));
}

TEST_F(Import, FilesThatAreNoNetworkTogetherAreRefused) {
  EXPECT_THAT(import({"fusion"}).misuse, HasSubstr("found fusion"));
  EXPECT_THAT(import({"video", "audio"}).misuse, HasSubstr("found video and audio"));
  EXPECT_THAT(import({"audio", "audio_stage1"}).misuse, HasSubstr("a second audio file"));
  EXPECT_THAT(import({"video", "audio_stage1", "fusion"}).misuse, HasSubstr("no recurrent layers"));
  EXPECT_THAT(import({AVSR_SOURCE_DIR "/tests/io/torch_files/norm_zip.pt"}).misuse, HasSubstr("none of the public"));
  EXPECT_THAT(import({model()}).failure, HasSubstr(model()));
  EXPECT_FALSE(std::filesystem::exists(model()));
}

// The video file with some bytes of its pickle changed.
class DamagedImport : public Import {
 protected:
  Outcome with(const std::string& from, const std::string& to) {
    std::string bytes = io::read_text_file(narrow() + "/video.pt");
    bytes.replace(bytes.find(from), from.size(), to);
    put(folder_ / "changed.pt", bytes);
    return import({folder_ / "changed.pt"});
  }
};

TEST_F(DamagedImport, WhatDoesNotFitIsNamedAndNothingIsWritten) {
  const Outcome renamed = with("resnet34.bnfc.bias", "resnet34.bnfc.bios");
  EXPECT_THAT(renamed.failure, AllOf(HasSubstr("2 keys do not fit"), HasSubstr("unknown module.resnet34.bnfc.bios"),
                                     HasSubstr("missing resnet34.bnfc.bias")));
  EXPECT_THAT(renamed.out, HasSubstr("missing  resnet34.bnfc.bias"));
  const std::string shape("\x4b\4\x4b\1\x4b\5\x4b\7\x4b\7", 10), other("\x4b\4\x4b\1\x4b\5\x4b\7\x4b\6", 10);
  const Outcome misfit = with(shape, other);  // (4, 1, 5, 7, 7) to (4, 1, 5, 7, 6)
  EXPECT_THAT(misfit.out, HasSubstr("expected (4, 1, 5, 7, 7)"));
  EXPECT_THAT(misfit.failure, HasSubstr("misfit module.frontend3D.0.weight"));
  EXPECT_FALSE(std::filesystem::exists(model()));
}

TEST_F(Import, LabelsAreAskedForAndChecked) {
  const Outcome without = call(run_import, {narrow() + "/video.pt", "--out", model()});
  EXPECT_THAT(without.misuse, AllOf(HasSubstr("--labels"), HasSubstr("5 words")));
  EXPECT_THAT(without.out, HasSubstr("used")) << "the table comes first";
  for (const auto& [words, complaint] : {std::pair{"A\nB\nC\nD\n", "expected 5 words"},
                                         {"A\nB\nD\nC\nE\n", "'C' after 'D'"},
                                         {"A\nB\nB\nC\nE\n", "'B' after 'B'"}}) {
    put(folder_ / "words.txt", words);
    EXPECT_THAT(import({"video"}).failure, HasSubstr(complaint));
  }
  put(folder_ / "words.txt", "A\r\nB\r\n\nC \nD\nE");
  ASSERT_EQ(import({"video"}).code, 0);
  EXPECT_EQ(models::read_model_header(model()).labels, (std::vector<std::string>{"A", "B", "C", "D", "E"}));
  for (const char* word : {"YES", "NO", "AND", "BUT", "NOT"})
    std::filesystem::create_directories(folder_ / "lrw/" + word);
  labels_ = folder_ / "lrw";
  ASSERT_EQ(import({"video"}).code, 0);
  EXPECT_EQ(models::read_model_header(model()).labels.front(), "AND");
}

}  // namespace
}  // namespace avsr::pipeline
