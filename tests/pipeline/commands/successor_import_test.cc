// Checkpoints with the successor system's names, written by PyTorch (public_checkpoints/make_successor_checkpoints.py).
#include <gmock/gmock.h>

#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>

#include "io/atomic_file.h"
#include "models/safetensors.h"
#include "tests/pipeline/commands/import_fixture.h"

namespace avsr::pipeline {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

class SuccessorImport : public ImportFixture {
 protected:
  // Of our model, one for each step, against that system's one, which reads the mean of the features.
  void expect_logits(const std::string& name, const std::vector<float>& expected) {
    const std::vector<float> found = logits_of_model();
    ASSERT_EQ(found.size(), kFrames * expected.size());
    double largest = 0;
    for (size_t v = 0; v < expected.size(); ++v) {
      double mean = 0;
      for (size_t i = v; i < found.size(); i += expected.size()) mean += found[i] / kFrames;
      largest = std::max(largest, std::abs(mean - expected[v]));
    }
    EXPECT_LT(largest, 1e-4);
    RecordProperty("largest_difference_" + name, std::to_string(largest));
  }
  void expect_pytorchs_logits(const std::string& name, const std::string& from, const Arguments& more) {
    SCOPED_TRACE(name);
    const Outcome outcome = import({"successor_" + name}, from, more);
    ASSERT_EQ(outcome.code, 0) << outcome.failure << outcome.misuse;
    const models::SafetensorsFile logits = models::read_safetensors(from + "/successor_logits.safetensors");
    expect_logits(name, logits.find(name)->values);
  }
};

TEST_F(SuccessorImport, GivesPyTorchsLogits) {
  expect_pytorchs_logits("video", narrow(), {});
  expect_pytorchs_logits("audio", narrow(), {"--activation", "swish"});
}

TEST_F(SuccessorImport, FullSizeGivesPyTorchsLogits) {
  const char* full = std::getenv("AVSR_SUCCESSOR_CHECKPOINTS");
  if (!full)
    GTEST_SKIP() << "set AVSR_SUCCESSOR_CHECKPOINTS to the folder that make_successor_checkpoints.py --full wrote";
  write_500_words();
  expect_pytorchs_logits("video", full, {});
  expect_pytorchs_logits("audio", full, {"--activation", "swish"});
}

TEST_F(SuccessorImport, TheModelFileSaysWhatTheNetworkIsAndHowItWasFed) {
  ASSERT_EQ(import({"successor_video"}).code, 0);
  const models::ModelFile file = models::read_model_header(model());
  EXPECT_EQ(file.config.video.activation, backend::Activation::prelu);
  EXPECT_EQ(file.config.ms_tcn.activation, backend::Activation::prelu);
  EXPECT_EQ(file.config.video.embedding, 0);
  EXPECT_EQ(file.config.video.blocks, (std::vector{2, 2, 2, 2}));
  EXPECT_TRUE(file.config.video.global_pooling);
  EXPECT_EQ(file.config.ms_tcn.kernels, (std::vector{3, 5, 7}));
  EXPECT_EQ(file.config.ms_tcn.branch_width, 3);
  EXPECT_EQ(file.config.ms_tcn.blocks, 3);
  const json& rule = file.preprocessing;
  EXPECT_EQ(rule.at("crop").at("method"), "tracked");
  EXPECT_EQ(rule.at("crop").at("size"), 96);
  EXPECT_EQ(rule.at("crop_size"), 88);
  EXPECT_EQ(rule.at("pixel_normalisation").at("mean"), 0.421);
  EXPECT_EQ(rule.at("pixel_normalisation").at("deviation"), 0.165);
  ASSERT_EQ(import({"successor_audio"}, narrow(), {"--activation", "swish"}).code, 0);
  const models::ModelFile audio = models::read_model_header(model());
  EXPECT_EQ(audio.config.audio.activation, backend::Activation::swish);
  EXPECT_EQ(audio.config.audio.pool, (std::array{20, 20, 0}));
  EXPECT_EQ(audio.preprocessing.at("audio_tail_samples"), 0);
}

TEST_F(SuccessorImport, EveryKeyIsAccountedFor) {
  const Outcome table = import({"successor_video"});
  EXPECT_THAT(table.out, HasSubstr("used     frontend3D.2.weight"));
  EXPECT_THAT(table.out, HasSubstr("taken off video/ms_tcn/block0/first/0/bn/running_mean"));
  EXPECT_THAT(table.out, HasSubstr("ignored  optimizer_state_dict"));
  const json keys = json::parse(import({"successor_video"}, narrow(), {"--json"}).out).at("keys");
  std::map<std::string, int> uses;
  for (const json& key : keys) ++uses[key.at("use")];
  // Ignored: 38 counts of batches, the epoch, the optimizer and the best result.
  EXPECT_EQ(uses, (std::map<std::string, int>{{"used", 254}, {"ignored", 41}}));
}

TEST_F(SuccessorImport, WhatTheFileDoesNotSayIsAskedFor) {
  EXPECT_THAT(import({"successor_audio"}).misuse, AllOf(HasSubstr("successor_audio.pt"), HasSubstr("--activation")));
  EXPECT_THAT(import({"successor_audio"}, narrow(), {"--activation", "gelu"}).misuse, HasSubstr("got 'gelu'"));
  EXPECT_THAT(import({"successor_video"}, narrow(), {"--activation", "swish"}).misuse, HasSubstr("its slopes"));
  EXPECT_THAT(import({"video"}, narrow(), {"--activation", "swish"}).misuse, HasSubstr("expected the activation relu"));
  // PReLU without slopes: they are missing.
  EXPECT_THAT(import({"successor_audio"}, narrow(), {"--activation", "prelu"}).failure,
              HasSubstr("missing trunk.relu.weight"));
}

TEST_F(SuccessorImport, OtherNetworksOfThatSystemAreRefusedByName) {
  const Outcome separable = import({"successor_separable"});
  EXPECT_THAT(separable.misuse, AllOf(HasSubstr("no ResNet, as ShuffleNet's (trunk.0.0.0.weight)"),
                                      HasSubstr("depthwise-separable convolutions (tcn.mb_ms_tcn.network.0.cbcr0_0")));
  EXPECT_THAT(separable.out, HasSubstr("unused   tcn.tcn_output.weight"));
  EXPECT_THAT(import({"successor_dense"}).misuse, HasSubstr("densely connected TCN (tcn.tcn_trunk.features.trans"));
  EXPECT_THAT(import({"successor_video", "successor_audio", "fusion"}, narrow(), {"--activation", "prelu"}).misuse,
              HasSubstr("no recurrent layers"));
}

TEST_F(SuccessorImport, WhatDoesNotFitIsNamedAndNothingIsWritten) {
  std::string bytes = io::read_text_file(narrow() + "/successor_audio.pt");
  const std::string key = "module.tcn.mb_ms_tcn.network.1.cbcr1_2.conv.bias",
                    other = key.substr(0, key.size() - 1) + "z";
  bytes.replace(bytes.find(key), key.size(), other);
  tests::put(folder_ / "changed.pt", bytes);
  EXPECT_THAT(import({folder_ / "changed.pt"}, narrow(), {"--activation", "swish"}).failure,
              HasSubstr("unknown " + other));
  EXPECT_FALSE(std::filesystem::exists(model()));
}

}  // namespace
}  // namespace avsr::pipeline
