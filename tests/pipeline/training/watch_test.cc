// Watching a training: what is measured, what is written, what is said when it goes wrong.
#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "io/atomic_file.h"
#include "models/safetensors.h"
#include "pipeline/device.h"
#include "pipeline/training/layer_statistics.h"
#include "pipeline/training/schedule.h"
#include "pipeline/training/stage_watch.h"
#include "tests/io/event_records.h"
#include "tests/pipeline/small_corpus.h"

namespace avsr::pipeline {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class WatchTest : public testing::Test {
 protected:
  WatchTest() : backend_(open_device({"cpu", 1})) {}

  RunSettings settings(const std::string& out, const std::vector<std::string>& overrides = {}) const {
    RunSettings run;
    run.recipe = small_recipe(overrides);
    run.data = folder_ / "data";
    run.out = folder_ / out;
    run.workers = 1;
    run.stages = {"a-conv"};
    return run;
  }
  std::vector<std::string> event_files(const std::string& stage) const {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / stage))
      if (entry.path().filename().string().starts_with("events.")) files.push_back(entry.path().string());
    std::sort(files.begin(), files.end());
    return files;
  }

  TemporaryFolder folder_;
  std::unique_ptr<backend::Backend> backend_;
};

TEST_F(WatchTest, StatisticsAreThoseOfValidSteps) {
  const float rest = 1e6f;  // beyond the first clip's end
  const backend::Tensor y =
      backend_->from_values({2, 1, 3, 2}, std::vector<float>{1, 0, 3, 0, rest, rest, 0, 0, 2, 0, 0, 0});
  const backend::Lengths lengths{2, 3};
  const LayerStatistics all = statistics_of(*backend_, {"x", &y, &lengths, true});
  EXPECT_DOUBLE_EQ(all.mean, 0.6);
  EXPECT_NEAR(all.deviation, std::sqrt(14 / 10.0 - 0.36), 1e-12);
  EXPECT_EQ(all.dead_relus, 0.5);
  const LayerStatistics first = statistics_of(*backend_, {"x", &y, &lengths, false}, 6);  // one clip
  EXPECT_DOUBLE_EQ(first.mean, 1);
  EXPECT_EQ(first.dead_relus, std::nullopt);
}

TEST_F(WatchTest, UpdatesAreMeasuredAgainstTheValuesBefore) {
  layers::ParameterArena arena;
  arena.declare("a/weight", {2, 2}, {layers::Init::Kind::constant, 2});
  arena.declare("a/bias", {2}, {layers::Init::Kind::constant, 0});
  arena.declare("b/weight", {1, 2}, {layers::Init::Kind::constant, 1});
  arena.declare("c/weight", {1, 1}, {layers::Init::Kind::constant, 1});
  arena.allocate(*backend_, 1);
  arena.train_only({"a", "c"});
  UpdateMeter meter;
  meter.before(arena);
  const std::vector<float> moved{2, 2.4f, 2, 2, 1, 1, 9, 9, 1};
  backend_->upload(moved.data(), arena.values());
  const std::vector<UpdateRatio> ratios = meter.after(arena);
  ASSERT_EQ(ratios.size(), 2u);  // a bias of zeros has no size, b is frozen
  EXPECT_EQ(ratios[0].path, "a/weight");
  EXPECT_NEAR(ratios[0].ratio, 0.1, 1e-6);
  EXPECT_TRUE(ratios[0].weight);
  EXPECT_EQ(ratios[1].ratio, 0);
  EXPECT_NEAR(*median_ratio(ratios), 0.1, 1e-6);
  EXPECT_EQ(median_ratio({{"a/bias", 1, false}}), std::nullopt);
}

TEST_F(WatchTest, TheFirstBadLayerIsNamed) {
  models::NetworkConfig config = network_of(small_recipe(), small_recipe().stages[2], 2);
  const auto network = models::make_network(*backend_, config, 1);
  layers::ParameterArena& arena = network->parameters();
  const std::vector<uint8_t> pixels(static_cast<size_t>(2 * 29 * 16 * 16), 100);
  models::Inputs inputs;
  backend_->resize(inputs.video, {2, 29, 16, 16}, backend::DType::u8);
  backend_->upload(pixels.data(), inputs.video);
  inputs.video_scale = inputs.video_shift = {1, 1};
  EXPECT_TRUE(all_finite(arena));
  // Later in the arena and in the pass, then earlier.
  for (const std::string path : {"video/temporal_conv/linear2", "video/embed/linear"}) {
    backend::Tensor& weight = arena.at(path + "/weight").value;
    std::vector<float> values = backend_->values(weight);
    values[0] = std::numeric_limits<float>::quiet_NaN();
    backend_->upload(values.data(), weight);
    arena.touch();
    backend::Lengths steps;
    network->forward(inputs, models::Mode::training, 1, steps);
    EXPECT_THAT(first_not_finite(*network), AllOf(HasSubstr("whose output is not finite is " + path + ";"),
                                                  HasSubstr("parameter that is not finite is " + path + "/weight")));
  }
  EXPECT_FALSE(all_finite(arena));
}

TEST(WatchPace, KeepsToItsShareOfTheTime) {
  WatchPace often(5);
  EXPECT_FALSE(often.due(1));
  EXPECT_TRUE(often.due(10));
  WatchPace pace(0);
  EXPECT_TRUE(pace.due(1));
  pace.looked(1, 0.5);
  double seconds = 0;
  int64_t step = 2;
  for (; !pace.due(step); ++step, seconds += 0.25) pace.trained(0.25);
  EXPECT_NEAR(0.5 / seconds, 0.01, 1e-3);
  pace.looked(step, 0);
  pace.trained(1);
  EXPECT_FALSE(pace.due(step + 9));
  EXPECT_TRUE(pace.due(step + 10));
}

TEST_F(WatchTest, AResumedRunLeavesNoPointTwice) {
  write_small_corpus(folder_ / "data");
  RunSettings whole = settings("whole"), pieces = settings("pieces");
  whole.watch_every = pieces.watch_every = 2;
  ASSERT_TRUE(run_schedule(*backend_, whole));
  std::atomic<bool> stop{false};
  int batches = 0;
  pieces.stop = &stop;
  pieces.checkpoint_minutes = 1000;
  pieces.reporter.tick = [&](int64_t, int64_t, const std::string& what) {
    if (what.find("epoch") != std::string::npos) stop = ++batches % 7 == 0;
  };
  while (!run_schedule(*backend_, pieces)) {
    stop = false;
    pieces.resume = true;
  }
  ASSERT_EQ(event_files("whole/a-conv").size(), 1u);
  EXPECT_GT(event_files("pieces/a-conv").size(), 1u);
  tests::Points one = tests::points_of(event_files("whole/a-conv")),
                many = tests::points_of(event_files("pieces/a-conv"));
  for (tests::Points* points : {&one, &many})  // what hangs on the clock, or on where a part began
    std::erase_if(*points, [](const auto& point) { return point.first.first.starts_with("speed/"); });
  EXPECT_EQ(one, many);
  const auto has = [&](const std::string& tag, int64_t step) { return one.count({tag, step}) == 1; };
  EXPECT_TRUE(has("loss/training", 4) && has("loss/validation", 8) && has("accuracy/training", 8));
  EXPECT_TRUE(has("activation_mean/audio/frontend/conv", 2) && has("dead_relus/audio/trunk/layer4/0/conv2", 8));
  EXPECT_TRUE(has("update_ratio/audio/temporal_conv/linear2/weight", 6) && has("update_ratio", 6));

  const nlohmann::json last =
      nlohmann::json::parse(io::read_text_file(folder_ / "whole/a-conv/log.jsonl")
                                .substr(io::read_text_file(folder_ / "whole/a-conv/log.jsonl").find('\n') + 1));
  EXPECT_EQ(last.at("seen").at("step"), 8);
  EXPECT_EQ(last.at("seen").at("layers")[0].at("path"), "audio/frontend/conv");
  EXPECT_GT(last.at("seen").at("median_update_ratio").get<double>(), 0);
  EXPECT_GE(last.at("waited_share").get<double>(), 0);
}

TEST_F(WatchTest, WatchingChangesNothing) {
  write_small_corpus(folder_ / "data");
  RunSettings often = settings("often"), never = settings("never");
  often.watch_every = 1;
  never.watch_every = 1000;
  ASSERT_TRUE(run_schedule(*backend_, often) && run_schedule(*backend_, never));
  const auto a = models::read_safetensors(folder_ / "often/a-conv/model.safetensors"),
             b = models::read_safetensors(folder_ / "never/a-conv/model.safetensors");
  ASSERT_GT(a.tensors.size(), 20u);
  for (const models::HostTensor& tensor : a.tensors) EXPECT_EQ(tensor.values, b.find(tensor.name)->values);
}

TEST_F(WatchTest, ATrainingThatDivergesKeepsItsLastGoodCheckpoint) {
  write_small_corpus(folder_ / "data");
  // Each step multiplies the weights by about -9.
  RunSettings run = settings("diverging", {"stages.a-conv.rate=10", "stages.a-conv.batch=1",
                                           "stages.a-conv.optimizer={kind: sgd, weight_decay: 1, momentum: 0}"});
  run.checkpoint_minutes = 0;
  try {
    run_schedule(*backend_, run);
    FAIL() << "trained through";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("stage 'a-conv', epoch"), HasSubstr("is not finite;"),
                                    HasSubstr("audio/"), HasSubstr("The checkpoint is from before it")));
  }
  for (const auto& tensor : models::read_safetensors(folder_ / "diverging/a-conv/checkpoint.safetensors").tensors) {
    if (tensor.name.starts_with("optimizer/")) continue;
    EXPECT_TRUE(std::all_of(tensor.values.begin(), tensor.values.end(), [](float v) { return std::isfinite(v); }))
        << tensor.name;
  }
}

}  // namespace
}  // namespace avsr::pipeline
