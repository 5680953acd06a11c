// Going on with a run: with a recipe that was mended meanwhile, and with files that are damaged or left behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "io/atomic_file.h"
#include "pipeline/device.h"
#include "pipeline/training/schedule.h"
#include "tests/pipeline/small_corpus.h"

namespace avsr::pipeline {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// A run of the first stage, which has ended.
class ResumeTest : public testing::Test {
 protected:
  ResumeTest() : backend_(open_device({"cpu", 1})) {
    write_small_corpus(folder_ / "data");
    run_.data = folder_ / "data";
    run_.out = folder_ / "run";
    run_.workers = 1;
    run_.stages = {"a-conv"};
    run_.recipe = small_recipe({"stages.*.epochs=1"});
    run_.reporter.say = [this](const std::string& line) { said_ += line + "\n"; };
    run_schedule(*backend_, run_);
    run_.resume = true;
  }
  void resume_with(std::vector<std::string> overrides) {
    overrides.insert(overrides.begin(), "stages.*.epochs=1");
    run_.recipe = small_recipe(overrides);
    said_.clear();
    EXPECT_TRUE(run_schedule(*backend_, run_));
  }
  std::string refusal(const std::vector<std::string>& overrides) {
    try {
      resume_with(overrides);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  }
  std::string stored(const std::string& name) const { return io::read_text_file(folder_ / ("run/" + name)); }
  void store(const std::string& name, const std::string& text) const {
    io::write_file_atomically(folder_ / ("run/" + name), std::string_view(text));
  }

  TemporaryFolder folder_;
  std::unique_ptr<backend::Backend> backend_;
  RunSettings run_;
  std::string said_;
};

TEST_F(ResumeTest, ALaterStageMayBeMended) {
  resume_with({"stages.a-rec.rate=0.5", "name=mended"});
  EXPECT_THAT(said_, AllOf(HasSubstr("recipe.yaml is written anew"), HasSubstr("a-conv is finished already")));
  EXPECT_EQ(parse_recipe(stored("recipe.yaml"), "stored").stages[1].rate, 0.5);
  EXPECT_THAT(stored("run.json"), HasSubstr("mended"));
  run_.recipe.text += "# only a remark\n";
  EXPECT_TRUE(run_schedule(*backend_, run_));
}

TEST_F(ResumeTest, WhatABegunStageWasTrainedByMayNotChange) {
  const std::string before = stored("recipe.yaml");
  EXPECT_THAT(refusal({"stages.a-conv.rate=0.5", "stages.a-rec.rate=0.5"}),
              AllOf(HasSubstr("stages.a-conv.rate"), Not(HasSubstr("a-rec"))));
  EXPECT_THAT(refusal({"data.size=18"}), HasSubstr("data.size"));
  EXPECT_THAT(refusal({"network.recurrent.hidden=9"}), HasSubstr("network.recurrent.hidden"));
  EXPECT_THAT(refusal({"seed=9"}), HasSubstr("seed"));
  EXPECT_EQ(stored("recipe.yaml"), before);
  // A stage is begun with its first checkpoint.
  std::filesystem::create_directories(folder_ / "run/a-rec");
  store("a-rec/checkpoint.safetensors", "");
  EXPECT_THAT(refusal({"stages.a-rec.rate=0.5"}), HasSubstr("stages.a-rec.rate"));
}

TEST_F(ResumeTest, AStageThatBecomesTheLastOfItsKindGivesItsModel) {
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run/audio.safetensors"));
  resume_with({"stages.a-rec.streams=audiovisual", "stages.a-rec.train=[fusion]"});
  EXPECT_EQ(stored("audio.safetensors"), stored("a-conv/model.safetensors"));
}

TEST(Recipes, DifferInTheStreamsOfAllStages) {  // they decide which clips are examples
  Recipe audio = small_recipe();
  audio.stages.resize(2);
  EXPECT_EQ(differences(small_recipe(), audio, {"a-conv"}), std::vector<std::string>{"streams of the stages"});
}

TEST_F(ResumeTest, ADamagedRunFileIsNamed) {
  for (const char* text : {"", "{\"stages\": ", "[]", "{}"}) {
    store("run.json", text);
    EXPECT_THAT(refusal({}), AllOf(HasSubstr("run.json"), HasSubstr("damaged"))) << text;
  }
}

TEST_F(ResumeTest, AHalfWrittenLineOfTheLogAndLeftoversGo) {
  std::filesystem::remove(folder_ / "run/a-conv/model.safetensors");  // so that the stage is opened again
  const std::string log = stored("a-conv/log.jsonl");
  store("a-conv/log.jsonl", log + "{\"epoch\": 2, \"ste");
  const std::string leftover = folder_ / "run/a-conv/.tmp-999999999-0-model.safetensors";  // no process has this number
  io::write_file_atomically(leftover, std::string_view("half"));
  resume_with({});
  EXPECT_EQ(stored("a-conv/log.jsonl"), log);
  EXPECT_FALSE(std::filesystem::exists(leftover));
}

TEST_F(ResumeTest, SettingsThatCannotBeAreRefused) {
  const auto complaint = [&] {
    try {
      run_schedule(*backend_, run_);
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  for (const double minutes : {-1.0, static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
    run_.checkpoint_minutes = minutes;
    EXPECT_THAT(complaint(), HasSubstr("--checkpoint-minutes"));
  }
  run_.checkpoint_minutes = 10;
  for (const int workers : {-3, 1'000'000}) {
    run_.workers = workers;
    EXPECT_THAT(complaint(), HasSubstr("--workers"));
  }
}

}  // namespace
}  // namespace avsr::pipeline
