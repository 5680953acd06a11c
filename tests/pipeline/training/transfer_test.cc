// Runs that start from a model of other words, and parts that stay frozen.
#include "pipeline/training/transfer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "io/shards.h"
#include "models/safetensors.h"
#include "pipeline/device.h"
#include "pipeline/training/schedule.h"
#include "tests/pipeline/command_call.h"
#include "tests/pipeline/small_corpus.h"
#include "tests/small_files.h"

namespace avsr::pipeline {
namespace {

using models::SafetensorsFile;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using tests::failure_of;

// A model "ancestor" of the corpus' two words: the network of the small recipe's stage v-rec, untrained.
class TransferTest : public testing::Test {
 protected:
  TransferTest() : backend_(open_device({"cpu", 1})) {
    write_small_corpus(folder_ / "data");
    write_model(ancestor(), {"down", "up"});
  }

  std::string ancestor() const { return folder_ / "ancestor.safetensors"; }
  void write_model(const std::string& path, const std::vector<std::string>& words,
                   const std::vector<std::string>& changes = {}) {
    const Recipe recipe = small_recipe(changes);
    const Stage& stage = recipe.stages.at(3);
    models::ModelFile file;
    file.config = network_of(recipe, stage, static_cast<int>(words.size()));
    file.labels = words;
    InputRule rule;
    rule.crop = read_dataset_info(folder_ / "data").json.at("crop");
    rule.geometry = recipe.data.geometry;
    rule.pixels.mean = 0.25;
    rule.pixels.deviation = 0.125;
    file.preprocessing = to_json(rule);
    const auto network = models::make_network(*backend_, file.config, 99);
    models::save_model(path, file, network->parameters());
  }

  // One epoch of the video's recurrent stage alone, and what it said.
  std::string train(const std::string& out, std::vector<std::string> changes, bool resume = false) {
    RunSettings run;
    changes.insert(changes.end(), {"stages.v-rec.load=[]", "stages.v-rec.train=[video]"});
    run.recipe = small_recipe(changes);
    run.data = folder_ / "data";
    run.out = folder_ / out;
    run.stages = {"v-rec"};
    run.workers = 1;
    run.resume = resume;
    std::string said;
    run.reporter.say = [&](const std::string& line) { said += line + "\n"; };
    EXPECT_TRUE(run_schedule(*backend_, run));
    return said;
  }
  SafetensorsFile model(const std::string& out) const {
    return models::read_safetensors(folder_ / (out + "/v-rec/model.safetensors"));
  }
  bool same(const SafetensorsFile& a, const SafetensorsFile& b, const std::string& path) {
    int compared = 0;
    for (const models::HostTensor& tensor : a.tensors) {
      if (!layers::under_path(tensor.name, path)) continue;
      ++compared;
      if (b.find(tensor.name)->values != tensor.values) return false;
    }
    EXPECT_GT(compared, 0) << path;
    return true;
  }
  std::string init() const { return "init='" + ancestor() + "'"; }

  TemporaryFolder folder_;
  std::unique_ptr<backend::Backend> backend_;
};

TEST_F(TransferTest, FrozenPartsStayTheAncestorsAndTheRestTrainsOn) {
  const std::string said = train("run", {init(), "freeze=[video/frontend, video/trunk]"});
  EXPECT_THAT(said, HasSubstr("loads video/frontend, video/trunk, video/embed, video/recurrent, video/head\n"));
  const SafetensorsFile before = models::read_safetensors(ancestor()), after = model("run");
  EXPECT_TRUE(same(before, after, "video/frontend"));
  EXPECT_TRUE(same(before, after, "video/trunk"));
  EXPECT_FALSE(same(before, after, "video/recurrent"));
  const models::ModelFile header = models::read_model_header(folder_ / "run/v-rec/model.safetensors");
  EXPECT_EQ(header.preprocessing.at("pixel_normalisation").at("mean"), 0.25) << "a frozen trunk expects them";
  EXPECT_EQ(header.provenance.at("init").at("file"), ancestor());
}

// Of a part that an earlier stage brings some of, the rest comes from the ancestor.
TEST_F(TransferTest, APartialLoadLeavesTheRestToTheAncestor) {
  RunSettings run;
  run.recipe =
      small_recipe({init(), "stages.v-rec.load=[{from: v-conv, parts: [video/frontend, video/trunk/layer1]}]"});
  run.data = folder_ / "data";
  run.out = folder_ / "run";
  run.stages = {"v-conv", "v-rec"};
  run.workers = 1;
  ASSERT_TRUE(run_schedule(*backend_, run));
  const SafetensorsFile before = models::read_safetensors(ancestor()), after = model("run"),
                        stage = models::read_safetensors(folder_ / "run/v-conv/model.safetensors");
  EXPECT_TRUE(same(stage, after, "video/trunk/layer1"));
  EXPECT_TRUE(same(before, after, "video/trunk/layer2"));
}

TEST_F(TransferTest, APartComesFromTheFirstModelThatHasIt) {
  const std::string narrow = folder_ / "narrow.safetensors";
  write_model(narrow, {"down", "up"}, {"network.recurrent.hidden=6"});
  const std::string both = "init=['" + narrow + "', '" + ancestor() + "']";
  EXPECT_THAT(
      train("run", {both, "freeze=[video/trunk, video/recurrent]"}),
      AllOf(HasSubstr("starts from " + narrow + ", " + ancestor()), HasSubstr("video/recurrent, video/head\n")));
  EXPECT_TRUE(same(model("run"), models::read_safetensors(narrow), "video/trunk"));
  EXPECT_TRUE(same(model("run"), models::read_safetensors(ancestor()), "video/recurrent"));
  const models::ModelFile header = models::read_model_header(folder_ / "run/v-rec/model.safetensors");
  ASSERT_EQ(header.provenance.at("init").size(), 2u);
  EXPECT_EQ(header.provenance.at("init")[1].at("file"), ancestor());

  write_model(narrow, {"left", "right"}, {"network.recurrent.hidden=6"});
  EXPECT_THAT(failure_of([&] { train("run", {both, "freeze=[video/trunk, video/recurrent]"}, true); }),
              AllOf(HasSubstr(narrow), HasSubstr("has changed since")));
  EXPECT_THAT(failure_of([&] { train("run", {init(), "freeze=[video/trunk, video/recurrent]"}, true); }),
              HasSubstr("init"));
}

TEST_F(TransferTest, OtherWordsGetANewHead) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"left", "right"}, {"a", "b", "c"}}) {
    write_model(ancestor(), words);
    const std::string out = "run" + std::to_string(words.size());
    EXPECT_THAT(train(out, {init(), "freeze=[video/recurrent]"}),
                HasSubstr("video/recurrent; new: video/head (" + std::to_string(words.size()) + " other words there)"));
    EXPECT_TRUE(same(model(out), models::read_safetensors(ancestor()), "video/recurrent"));
  }
}

TEST_F(TransferTest, APartOfOtherSizesIsNewAndANetworkOfOthersIsRefused) {
  write_model(ancestor(), {"down", "up"}, {"network.recurrent.hidden=6"});
  EXPECT_THAT(train("run", {init()}),
              AllOf(HasSubstr("loads video/frontend, video/trunk, video/embed; new: video/recurrent"),
                    HasSubstr("(24) there, (32) here")));
  write_model(ancestor(), {"down", "up"},
              {"network.video.frontend_width=5", "network.video.widths=[5, 5, 9, 9]", "network.video.embedding=7"});
  EXPECT_THAT(failure_of([&] { train("other", {init()}); }), AllOf(HasSubstr("nothing over"), HasSubstr(ancestor())));
}

TEST_F(TransferTest, APartOfAnotherActivationIsNew) {  // Swish has no parameters by which it would show
  write_model(ancestor(), {"down", "up"}, {"network.video.activation=swish"});
  EXPECT_THAT(train("run", {init()}),
              AllOf(HasSubstr("loads video/embed"), HasSubstr("video/trunk (swish there, relu here)")));
}

TEST_F(TransferTest, PathsThatFreezeNothingOrAllAreRefused) {
  EXPECT_THAT(failure_of([&] { train("a", {"freeze=[video/trnk]"}); }), HasSubstr("video/trnk"));
  EXPECT_THAT(failure_of([&] { train("b", {"freeze=[video]"}); }), HasSubstr("nothing is left to train"));
  EXPECT_THAT(failure_of([&] { train("c", {"init=/no/such/model.safetensors"}); }), HasSubstr("/no/such/model"));
}

TEST_F(TransferTest, WhatIsFrozenWithoutAnOriginIsWarnedOf) {
  EXPECT_THAT(train("run", {"freeze=[video/trunk]"}), HasSubstr("neither trains video/trunk nor loads all of it"));
}

TEST_F(TransferTest, AChangedAncestorIsNoticedOnResume) {
  train("run", {init()});
  EXPECT_THAT(train("run", {init()}, true), HasSubstr("finished already"));
  EXPECT_THAT(failure_of([&] { train("run", {}, true); }), HasSubstr("init"));
  EXPECT_THAT(failure_of([&] { train("run", {init(), "freeze=[video/trunk]"}, true); }), HasSubstr("freeze"));
  write_model(ancestor(), {"left", "right"});
  EXPECT_THAT(failure_of([&] { train("run", {init()}, true); }), HasSubstr("changed since"));
}

// The commands as a user types them: the probe takes its sizes from the model, and --resume remembers both options.
TEST_F(TransferTest, ALinearProbeLearnsOnAFrozenTrunk) {
  const Arguments train{
      "linear-probe",         "--data", folder_ / "data",       "--out", folder_ / "probe", "--threads", "1", "--set",
      "stages.probe.batch=8", "--set",  "stages.probe.epochs=2"};
  Arguments first = train;
  first.insert(first.end(), {"--init", ancestor(), "--freeze", "video/trunk"});
  const Outcome outcome = call(run_train, first);
  ASSERT_EQ(outcome.code, 0) << outcome.failure << outcome.misuse;
  EXPECT_THAT(outcome.out, HasSubstr("loads video/frontend"));
  const SafetensorsFile before = models::read_safetensors(ancestor()),
                        after = models::read_safetensors(folder_ / "probe/video.safetensors");
  for (const char* part : {"video/frontend", "video/trunk", "video/embed", "video/recurrent"})
    EXPECT_TRUE(same(before, after, part)) << part;
  EXPECT_FALSE(same(before, after, "video/head"));

  Arguments again = train;
  again.push_back("--resume");
  const Outcome resumed = call(run_train, again);
  EXPECT_EQ(resumed.code, 0) << resumed.failure;
  EXPECT_THAT(resumed.out, AllOf(HasSubstr("finished already"), Not(HasSubstr("has changed"))));
  again.insert(again.end(), {"--freeze", "video/embed"});
  EXPECT_THAT(call(run_train, again).failure, HasSubstr("freeze"));
}

TEST_F(TransferTest, AProbeReadsAnMsTcnWhereItIsTold) {
  write_model(ancestor(), {"down", "up"},
              {"stages.v-rec.back_end=ms_tcn", "network.ms_tcn.branch_width=4", "network.ms_tcn.blocks=2",
               "network.ms_tcn.activation=swish", "network.video.activation=swish", "network.video.embedding=0"});
  const Outcome outcome =
      call(run_train, {"linear-probe", "--data", folder_ / "data", "--out", folder_ / "probe", "--threads", "1",
                       "--init", ancestor(), "--set", "stages.probe.back_end=ms_tcn", "--set", "stages.probe.batch=8",
                       "--set", "stages.probe.epochs=1"});
  ASSERT_EQ(outcome.code, 0) << outcome.failure << outcome.misuse;
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("loads video/frontend, video/trunk, video/ms_tcn"), Not(HasSubstr("warning"))));
}

}  // namespace
}  // namespace avsr::pipeline
