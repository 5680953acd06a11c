// A stage from its first epoch to its end: interrupted anywhere it ends at the same bits, and it knows when to end.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "io/atomic_file.h"
#include "tests/pipeline/training/schedule_fixture.h"

namespace avsr::pipeline {
namespace {

class TrainingCourse : public ScheduleTest {};

// Stops the run at every `every`th batch and goes on, until it is through.
void run_in_pieces(backend::Backend& backend, RunSettings run, int every) {
  std::atomic<bool> stop{false};
  int batches = 0, pieces = 0;
  run.stop = &stop;
  run.reporter.tick = [&](int64_t, int64_t, const std::string& what) {
    if (what.find("epoch") != std::string::npos) stop = ++batches % every == 0;
  };
  while (!run_schedule(backend, run)) {
    stop = false;
    run.resume = true;
    ASSERT_LT(++pieces, 100);
  }
  EXPECT_GT(pieces, 2);
}

TEST_F(TrainingCourse, StoppedAndResumedEndsAtTheSameBits) {
  RunSettings whole = settings("whole"), pieces = settings("pieces");
  whole.stages = pieces.stages = {"a-conv", "a-rec"};
  ASSERT_TRUE(run_schedule(*backend_, whole));
  run_in_pieces(*backend_, pieces, 5);  // an epoch is 4 batches and 2 of validation: it stops everywhere in it
  for (const char* stage : {"a-conv", "a-rec"})
    for (const char* file : {"model.safetensors", "checkpoint.safetensors"}) {
      const std::string path = std::string("/") + stage + "/" + file;
      EXPECT_GT(expect_equal_under(read("whole" + path), read("pieces" + path), ""), 2) << path;
    }
  const std::string log = io::read_text_file(folder_ / "pieces/a-conv/log.jsonl");
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 2);
}

// Batches in parts, and a rate that depends on the validation results so far.
TEST_F(TrainingCourse, PartsAndAPlateauGoOnAtTheSameBits) {
  const std::vector<std::string> overrides{"stages.a-conv.accumulate=4", "stages.a-conv.epochs=5",
                                           "stages.a-conv.decay={kind: plateau, patience: 1, factor: 0.5}"};
  RunSettings whole = settings("whole", overrides), pieces = settings("pieces", overrides);
  whole.stages = pieces.stages = {"a-conv"};
  ASSERT_TRUE(run_schedule(*backend_, whole));
  run_in_pieces(*backend_, pieces, 5);
  EXPECT_GT(
      expect_equal_under(read("whole/a-conv/checkpoint.safetensors"), read("pieces/a-conv/checkpoint.safetensors"), ""),
      2);
  const auto log_of = [&](const std::string& run) {
    std::istringstream lines(io::read_text_file(folder_ / (run + "/a-conv/log.jsonl")));
    std::vector<nlohmann::json> entries;
    for (std::string line; std::getline(lines, line);) entries.push_back(nlohmann::json::parse(line));
    return entries;
  };
  const auto a = log_of("whole"), b = log_of("pieces");
  ASSERT_EQ(a.size(), 5u);
  ASSERT_EQ(b.size(), 5u);
  for (size_t i = 0; i < a.size(); ++i)
    for (const char* key : {"step", "rate", "train_loss", "val_loss"}) EXPECT_EQ(a[i][key], b[i][key]) << key;
  EXPECT_EQ(a.back()["step"], 20) << "four batches an epoch, whatever their parts";
  EXPECT_LT(a.back()["rate"].get<double>(), a.front()["rate"].get<double>());
}

TEST_F(TrainingCourse, AStageEndsWhenItsPatienceDoes) {
  // At this rate no answer changes: the first epoch stays the best.
  RunSettings run =
      settings("patience", {"stages.a-rec.epochs=9", "stages.a-rec.patience=2", "stages.a-rec.rate=1e-9"});
  run.stages = {"a-conv", "a-rec"};
  ASSERT_TRUE(run_schedule(*backend_, run));
  const nlohmann::json ended =
      nlohmann::json::parse(io::read_text_file(folder_ / "patience/run.json"))["stages"]["a-rec"];
  EXPECT_EQ(ended["epochs"], 3);
  EXPECT_EQ(ended["best_epoch"], 1);
}

TEST_F(TrainingCourse, KilledAnywhereAndResumedEndsAtTheSameBits) {
  // A run that checkpoints after every batch, photographed while it runs: each picture is what a kill would leave.
  RunSettings whole = settings("whole");
  whole.stages = {"a-conv"};
  whole.checkpoint_minutes = 0;
  int batches = 0;
  whole.reporter.tick = [&](int64_t, int64_t, const std::string& what) {
    if (what.find("epoch") == std::string::npos || what.find("validation") != std::string::npos) return;
    ++batches;
    if (batches == 3 || batches == 5 || batches == 8)
      std::filesystem::copy(folder_ / "whole", folder_ / ("killed" + std::to_string(batches)),
                            std::filesystem::copy_options::recursive);
  };
  ASSERT_TRUE(run_schedule(*backend_, whole));
  ASSERT_EQ(batches, 8);
  for (const std::string killed : {"killed3", "killed5", "killed8"}) {
    RunSettings run = settings(killed);
    run.stages = {"a-conv"};
    run.resume = true;
    ASSERT_TRUE(run_schedule(*backend_, run));
    EXPECT_GT(
        expect_equal_under(read("whole/a-conv/model.safetensors"), read(killed + "/a-conv/model.safetensors"), ""), 20);
  }
}

}  // namespace
}  // namespace avsr::pipeline
