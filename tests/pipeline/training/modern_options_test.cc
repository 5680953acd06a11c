// Mixup, variable length, word boundaries, modality dropout and the MS-TCN in a whole run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "models/model_file.h"
#include "models/safetensors.h"
#include "pipeline/device.h"
#include "pipeline/evaluation/evaluate.h"
#include "pipeline/recognition/word_sequence.h"
#include "pipeline/training/schedule.h"
#include "tests/pipeline/small_corpus.h"

namespace avsr::pipeline {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

class ModernOptions : public testing::Test {
 protected:
  ModernOptions() : backend_(open_device({"cpu", 1})) { write_small_corpus(folder_ / "data", false, true); }

  RunSettings settings(const std::vector<std::string>& overrides) const {
    RunSettings run;
    run.recipe = small_recipe(overrides);
    run.data = folder_ / "data";
    run.out = folder_ / "run";
    run.workers = 1;
    return run;
  }

  TemporaryFolder folder_;
  std::unique_ptr<backend::Backend> backend_;
};

TEST_F(ModernOptions, AModelToldOfTheWordIsEvaluatedButDoesNotTranscribe) {
  RunSettings run =
      settings({"data.augment.mixup=0.3", "data.augment.variable_length=true", "network.word_boundary=true",
                "network.ms_tcn.branch_width=4", "network.ms_tcn.blocks=2", "stages.v-rec.back_end=ms_tcn"});
  run.recipe.stages = {run.recipe.stages[2], run.recipe.stages[3]};
  run.recipe.stages[1].train = {"video/ms_tcn", "video/head"};
  ASSERT_TRUE(run_schedule(*backend_, run));
  const std::string path = folder_ / "run/video.safetensors";
  const models::NetworkConfig config = models::read_model_header(path).config;
  EXPECT_TRUE(config.word_boundary);
  EXPECT_EQ(config.back_end, models::BackEnd::ms_tcn);
  EXPECT_FALSE(models::read_model_header(folder_ / "run/v-conv/model.safetensors").config.word_boundary);

  std::vector<std::unique_ptr<Recognizer>> models;
  models.push_back(std::make_unique<Recognizer>(*backend_, path));
  EvaluationSettings evaluation;
  evaluation.data = folder_ / "data";
  evaluation.workers = 1;
  EXPECT_EQ(evaluate(models, evaluation, {}).rows.at(0).clips(), 8);
  EXPECT_THAT([&] { window_settings(*models[0], 2); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("told where the word begins and ends")));
}

TEST_F(ModernOptions, SlopesAreTrainedAndTrunksNeedNoEmbedding) {
  RunSettings run =
      settings({"network.video.activation=prelu", "network.video.embedding=0", "network.ms_tcn.activation=swish",
                "network.ms_tcn.branch_width=4", "network.ms_tcn.blocks=2", "stages.v-rec.back_end=ms_tcn"});
  run.recipe.stages = {run.recipe.stages[2], run.recipe.stages[3]};
  run.recipe.stages[1].load.at(0).parts = {"video/frontend", "video/trunk"};
  run.recipe.stages[1].train = {"video/ms_tcn", "video/head"};
  ASSERT_TRUE(run_schedule(*backend_, run));
  const std::string path = folder_ / "run/video.safetensors";
  EXPECT_EQ(models::read_model_header(path).config.ms_tcn.activation, backend::Activation::swish);
  const models::SafetensorsFile model = models::read_safetensors(path);
  for (const char* slopes : {"video/frontend/bn/slope", "video/trunk/layer1/0/bn2/slope"})
    for (const float slope : model.find(slopes)->values) EXPECT_NE(slope, 0.25f) << slopes << ", its start";
  EXPECT_FALSE(model.find("video/embed/linear/weight"));
}

TEST_F(ModernOptions, ModalityDropoutIsRememberedByAudiovisualModels) {
  RunSettings run = settings({"network.modality_dropout.video=0.4", "network.modality_dropout.audio=0.3"});
  ASSERT_TRUE(run_schedule(*backend_, run));
  const models::NetworkConfig joint = models::read_model_header(folder_ / "run/audiovisual.safetensors").config;
  EXPECT_FLOAT_EQ(joint.modality_dropout.video, 0.4f);
  EXPECT_FLOAT_EQ(joint.modality_dropout.audio, 0.3f);
  EXPECT_FALSE(models::read_model_header(folder_ / "run/video.safetensors").config.modality_dropout.used());
}

}  // namespace
}  // namespace avsr::pipeline
