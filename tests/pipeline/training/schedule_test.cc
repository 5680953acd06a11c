#include "pipeline/training/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <stdexcept>

#include "io/atomic_file.h"
#include "models/model_file.h"
#include "models/safetensors.h"
#include "pipeline/device.h"
#include "pipeline/evaluation/evaluate.h"
#include "pipeline/evaluation/evaluation_numbers.h"
#include "pipeline/evaluation/test_noise.h"
#include "tests/pipeline/training/schedule_fixture.h"

namespace avsr::pipeline {
namespace {

using models::SafetensorsFile;
using testing::HasSubstr;

bool differs_under(const SafetensorsFile& a, const SafetensorsFile& b, const std::string& prefix, bool statistics) {
  for (const models::HostTensor& tensor : a.tensors) {
    const bool statistic = tensor.name.find("running") != std::string::npos ||
                           tensor.name.find("mean") != std::string::npos ||
                           tensor.name.find("variance") != std::string::npos;
    if (!layers::under_path(tensor.name, prefix) || statistic != statistics) continue;
    const models::HostTensor* other = b.find(tensor.name);
    if (other && other->values != tensor.values) return true;
  }
  return false;
}

TEST_F(ScheduleTest, AllStagesLeaveTheirFilesAndFrozenPartsAlone) {
  ASSERT_TRUE(run_schedule(*backend_, settings("run")));
  for (const char* name : {"audio.safetensors", "video.safetensors", "audiovisual.safetensors", "recipe.yaml",
                           "run.json", "a-conv/log.jsonl", "a-conv/checkpoint.safetensors"})
    EXPECT_TRUE(std::filesystem::exists(folder_ / ("run/" + std::string(name)))) << name;
  // Frozen: bit-equal, batch-norm statistics included. Trained: moved.
  EXPECT_GT(
      expect_equal_under(read("run/a-conv/model.safetensors"), read("run/a-rec/model.safetensors"), "audio/trunk"), 10);
  EXPECT_GT(
      expect_equal_under(read("run/a-rec/model.safetensors"), read("run/join/model.safetensors"), "audio/recurrent"),
      2);
  EXPECT_GT(expect_equal_under(read("run/v-rec/model.safetensors"), read("run/join/model.safetensors"), "video"), 20);
  EXPECT_GT(expect_equal_under(read("run/audio.safetensors"), read("run/a-rec/model.safetensors"), ""), 20);
  const models::ModelFile header = models::read_model_header(folder_ / "run/audiovisual.safetensors");
  EXPECT_EQ(header.labels, (std::vector<std::string>{"down", "up"}));
  EXPECT_EQ(header.preprocessing.at("crop").at("height"), kSmallCrop);
  EXPECT_EQ(header.preprocessing.at("input_size"), 16);
  EXPECT_EQ(header.provenance.at("recipe"), "small");
  EXPECT_EQ(header.provenance.at("stage"), "join");

  // Every epoch left its line, and a finished run is not run again.
  const std::string log = io::read_text_file(folder_ / "run/a-conv/log.jsonl");
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 2);
  EXPECT_THROW(run_schedule(*backend_, settings("run")), std::runtime_error);  // without resume
  RunSettings again = settings("run");
  again.resume = true;
  EXPECT_TRUE(run_schedule(*backend_, again));
  again.recipe = small_recipe({"seed=9"});
  EXPECT_THROW(run_schedule(*backend_, again), std::runtime_error);  // another recipe
}

TEST_F(ScheduleTest, StatisticsOfFrozenPartsMoveWhenTheRecipeSaysSo) {
  RunSettings run = settings("moving", {"stages.a-rec.statistics_move=true"});
  run.stages = {"a-conv", "a-rec"};
  ASSERT_TRUE(run_schedule(*backend_, run));
  const SafetensorsFile before = read("moving/a-conv/model.safetensors"),
                        after = read("moving/a-rec/model.safetensors");
  EXPECT_FALSE(differs_under(before, after, "audio/trunk", false));
  EXPECT_TRUE(differs_under(before, after, "audio/trunk", true));
}

TEST_F(ScheduleTest, MovingStatisticsLeaveFrozenRecurrentLayersWithoutDropout) {
  for (const std::string dropout : {"0", "0.5"}) {
    RunSettings run =
        settings("drop" + dropout, {"stages.a-rec.statistics_move=true", "stages.a-rec.train=[audio/head]",
                                    "network.recurrent.input_dropout=" + dropout});
    run.stages = {"a-conv", "a-rec"};
    ASSERT_TRUE(run_schedule(*backend_, run));
  }
  EXPECT_GT(expect_equal_under(read("drop0/a-rec/model.safetensors"), read("drop0.5/a-rec/model.safetensors"), "audio"),
            20);
}

TEST_F(ScheduleTest, StageOrderIsEnforced) {
  RunSettings run = settings("order");
  run.stages = {"a-rec"};
  try {
    run_schedule(*backend_, run);
    FAIL() << "a stage ran without what it starts from";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("'a-conv'"));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "order/a-rec"));  // noticed before anything was made
  }
  run.stages = {"nonsense"};
  run.resume = true;
  EXPECT_THROW(run_schedule(*backend_, run), std::invalid_argument);
}

TEST_F(ScheduleTest, AMistakeInALateStageIsFoundBeforeTheFirst) {
  const std::pair<std::string, std::string> mistakes[] = {
      {"stages.join.train=[fusoin]", "fusoin"},
      {"stages.v-rec.load=[{from: v-conv, parts: [video/trunc]}]", "video/trunc"},
      {"stages.v-rec.load=[{from: v-conv, parts: [video/head]}]", "video/head/weight (1, 16): not in the source"}};
  for (const auto& [change, complaint] : mistakes) {
    const RunSettings run = settings("run", {change});
    try {
      run_schedule(*backend_, run);
      ADD_FAILURE() << change;
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), HasSubstr(complaint));
      EXPECT_FALSE(std::filesystem::exists(run.out));  // nothing was made
    }
  }
}

TEST_F(ScheduleTest, MeasuringCanBeStopped) {
  std::atomic<bool> stop{false};
  int ticks = 0;
  RunSettings run = settings("stopped");
  run.stages = {"a-conv"};
  run.stop = &stop;
  run.reporter.tick = [&](int64_t, int64_t total, const std::string& what) {
    EXPECT_EQ(what, "measuring pixels");
    EXPECT_EQ(total, 24);
    stop = ++ticks == 3;
  };
  EXPECT_FALSE(run_schedule(*backend_, run));
  EXPECT_EQ(ticks, 3);
}

TEST_F(ScheduleTest, WholeClipsSayWhatLengthTheModelsLearn) {
  RunSettings run = settings("length", {"data.window_frames=17", "stages.*.epochs=1"});
  run.stages = {"a-conv"};
  std::string said;
  run.reporter.say = [&](const std::string& line) { said += line + "\n"; };
  ASSERT_TRUE(run_schedule(*backend_, run));
  const models::ModelFile header = models::read_model_header(folder_ / "length/a-conv/model.safetensors");
  EXPECT_EQ(header.preprocessing.at("window_frames"), kSmallFrames);
  EXPECT_THAT(said, HasSubstr("29 frames (median), the recipe says 17"));
}

TEST_F(ScheduleTest, LearnsAndIsEvaluatedInNoise) {
  RunSettings run = settings("learn", {"stages.a-conv.epochs=25", "stages.a-rec.epochs=10", "stages.a-rec.rate=0.01",
                                       "stages.a-rec.middle_steps=9"});
  run.stages = {"a-conv", "a-rec"};
  ASSERT_TRUE(run_schedule(*backend_, run));
  std::vector<std::unique_ptr<Recognizer>> models;
  models.push_back(std::make_unique<Recognizer>(*backend_, folder_ / "learn/audio.safetensors"));
  EXPECT_EQ(models::read_model_header(folder_ / "learn/audio.safetensors").averaging.middle_steps, 9);

  EvaluationSettings evaluation;
  evaluation.data = folder_ / "data";
  evaluation.noises = {"white"};
  evaluation.levels_db = {std::nullopt, -40.0};
  evaluation.workers = 1;
  const Evaluation result = evaluate(models, evaluation, {});
  ASSERT_EQ(result.rows.size(), 2u);
  EXPECT_EQ(result.rows[0].clips(), 8);
  EXPECT_GE(result.rows[0].correct(result.words), 7);
  EXPECT_LT(result.rows[1].correct(result.words), 8);  // at -40 dB nothing is left to hear

  const nlohmann::json json = results_json(result);
  EXPECT_EQ(json["rows"][0]["snr_db"], "clean");
  EXPECT_EQ(json["rows"][1]["snr_db"], -40.0);
  EXPECT_EQ(json["rows"][0]["streams"], "audio");
  EXPECT_EQ(json["rows"][0]["clips"], 8);
  EXPECT_THAT(accuracy_table(result, true), HasSubstr("| -40 dB |"));

  // Two models of one name are two rows.
  std::filesystem::create_directories(folder_ / "other");
  std::filesystem::copy_file(folder_ / "learn/audio.safetensors", folder_ / "other/audio.safetensors");
  for (const char* path : {"other/audio.safetensors", "learn/audio.safetensors"})
    models.push_back(std::make_unique<Recognizer>(*backend_, folder_ / path));
  std::set<std::string> names;
  for (const EvaluationRow& row : evaluate(models, evaluation, {}).rows) names.insert(row.model);
  EXPECT_EQ(names.size(), 3u);
  models.resize(1);

  // The same clips, whatever the batch: the same answers. Crops of another kind are refused.
  evaluation.batch = 3;
  EXPECT_EQ(evaluate(models, evaluation, {}).rows[1].answers, result.rows[1].answers);
}

TEST_F(ScheduleTest, AModelRefusesCropsOfAnotherKind) {
  RunSettings run = settings("run");
  run.stages = {"v-conv"};
  ASSERT_TRUE(run_schedule(*backend_, run));
  std::vector<std::unique_ptr<Recognizer>> models;
  models.push_back(std::make_unique<Recognizer>(*backend_, folder_ / "run/v-conv/model.safetensors"));
  io::write_file_atomically(folder_ / "data/dataset.json", std::string_view(R"({"crop": {"method": "tracked"}})"));
  EvaluationSettings evaluation;
  evaluation.data = folder_ / "data";
  try {
    evaluate(models, evaluation, {});
    FAIL() << "another crop was accepted";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("tracked"));
    EXPECT_THAT(error.what(), HasSubstr("fixed"));
  }
}

TEST_F(ScheduleTest, TestBabbleComesFromTalkersThatTrainingNeverHeard) {
  Dataset::Settings wanted;
  const auto split = Dataset::open(folder_ / "data", "test", wanted);
  TestNoiseFrom from{folder_ / "data", *split, "test", "test", {"t0", "t1", "t2", "t3"}, 8, nullptr};
  const TestNoise strange = open_test_noise("babble", from);
  EXPECT_TRUE(strange.notes.empty());
  EXPECT_EQ(strange.source.description().at("talkers"), (std::vector<std::string>{"e0", "e1"}));
  from.training_talkers = {"e0", "e1"};
  EXPECT_FALSE(open_test_noise("babble", from).notes.empty());
}

// What was mistyped is typed again: the first try must not have taken the folder.
TEST_F(ScheduleTest, ARefusedStartLeavesTheFolderFree) {
  RunSettings run = settings("run");
  run.stages = {"typo"};
  EXPECT_THROW(run_schedule(*backend_, run), std::invalid_argument);
  run.stages = {"a-conv"};
  run.data = folder_ / "nodata";
  EXPECT_THROW(run_schedule(*backend_, run), std::runtime_error);
  EXPECT_FALSE(std::filesystem::exists(run.out / "run.json"));
  run.data = folder_ / "data";
  EXPECT_TRUE(run_schedule(*backend_, run));
}

TEST_F(ScheduleTest, ResumeNeedsARun) {
  RunSettings run = settings("mistyped");
  run.resume = true;
  EXPECT_THROW(run_schedule(*backend_, run), std::runtime_error);
  EXPECT_FALSE(std::filesystem::exists(run.out));
}

}  // namespace
}  // namespace avsr::pipeline
