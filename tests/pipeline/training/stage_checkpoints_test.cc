#include "pipeline/training/stage_checkpoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "io/atomic_file.h"
#include "io/temporary_folder.h"
#include "models/safetensors.h"
#include "pipeline/device.h"
#include "pipeline/training/schedule.h"
#include "tests/pipeline/small_corpus.h"
#include "tests/small_files.h"

namespace avsr::pipeline {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

// One bit in the middle of the file's last kilobyte, where its numbers are.
void damage(const fs::path& path) {
  std::string bytes = io::read_text_file(path);
  bytes[bytes.size() - 512] = static_cast<char>(bytes[bytes.size() - 512] ^ 1);
  io::write_file_atomically(path, std::string_view(bytes));
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename());
  return names;
}

class StageCheckpointsTest : public testing::Test {
 protected:
  StageCheckpointsTest() : backend_(open_device({"cpu", 1})) {
    value_ = arena_.declare("weight", {1000}, {});
    arena_.allocate(*backend_, 1);
  }
  void save_epoch(const StageCheckpoints& checkpoints, int epoch) {
    backend_->fill(arena_.values(), static_cast<float>(epoch));
    checkpoints.save(arena_, {}, {{"epoch", epoch}});
    checkpoints.keep(epoch);
  }
  std::optional<nlohmann::json> load() {
    said_.clear();
    return StageCheckpoints(folder_.path(), 2).load(arena_, {}, [this](const std::string& line) { said_ += line; });
  }

  io::TemporaryFolder folder_;
  std::unique_ptr<backend::Backend> backend_;
  layers::ParameterArena arena_;
  layers::Parameter* value_ = nullptr;
  std::string said_;
};

TEST_F(StageCheckpointsTest, KeepTheLastEpochs) {
  const StageCheckpoints checkpoints(folder_.path(), 2);
  EXPECT_FALSE(checkpoints.any());
  EXPECT_EQ(load(), std::nullopt);
  for (int epoch = 8; epoch <= 11; ++epoch) save_epoch(checkpoints, epoch);
  EXPECT_EQ(names_in(folder_.path()),
            (std::set<std::string>{"checkpoint.safetensors", "checkpoint-epoch-0010.safetensors",
                                   "checkpoint-epoch-0011.safetensors"}));
  save_epoch(StageCheckpoints(folder_.path(), 0), 12);
  EXPECT_EQ(names_in(folder_.path()), (std::set<std::string>{"checkpoint.safetensors"}));
  EXPECT_TRUE(checkpoints.any());
}

TEST_F(StageCheckpointsTest, ADamagedOneIsPassedOver) {
  const StageCheckpoints checkpoints(folder_.path(), 2);
  save_epoch(checkpoints, 1);
  save_epoch(checkpoints, 2);
  backend_->fill(arena_.values(), 2.5f);
  checkpoints.save(arena_, {}, {{"epoch", 2.5}});  // within epoch 3
  damage(folder_ / "checkpoint.safetensors");
  EXPECT_EQ(load()->at("epoch"), 2);
  EXPECT_THAT(said_, AllOf(HasSubstr("checkpoint.safetensors"), HasSubstr("bytes have changed"),
                           HasSubstr("going on from"), HasSubstr("epoch-0002")));
  EXPECT_EQ(backend_->values(value_->value)[7], 2);
  EXPECT_TRUE(fs::exists(folder_ / "checkpoint.safetensors.damaged"));

  fs::resize_file(folder_ / "checkpoint-epoch-0002.safetensors", 1000);
  EXPECT_EQ(load()->at("epoch"), 1);
  damage(folder_ / "checkpoint-epoch-0001.safetensors");
  EXPECT_THAT(tests::failure_of([&] { load(); }), HasSubstr("no checkpoint of this stage can be read"));
}

TEST_F(StageCheckpointsTest, AnotherNetworksIsRefusedAtOnce) {
  save_epoch(StageCheckpoints(folder_.path(), 1), 1);
  layers::ParameterArena other;
  other.declare("weight", {999}, {});
  other.allocate(*backend_, 1);
  EXPECT_THAT(tests::failure_of([&] { StageCheckpoints(folder_.path(), 1).load(other, {}, {}); }),
              HasSubstr("another network"));
  EXPECT_TRUE(fs::exists(folder_ / "checkpoint.safetensors"));
}

// The epoch after the copy is done again, to the same bits.
TEST(StageCheckpoints, ARunWhoseLastCheckpointIsDamagedEndsAsIfItWereNot) {
  io::TemporaryFolder folder;
  const auto backend = open_device({"cpu", 1});
  write_small_corpus(folder / "data");
  const auto train = [&](const std::string& out, int epochs, bool resume) {
    RunSettings run;
    run.recipe = small_recipe({"stages.*.epochs=" + std::to_string(epochs)});
    run.data = folder / "data";
    run.out = folder / out;
    run.stages = {"a-conv"};
    run.workers = 1;
    run.resume = resume;
    run.keep_checkpoints = 2;
    EXPECT_TRUE(run_schedule(*backend, run));
  };
  train("whole", 2, false);
  train("hurt", 2, false);
  fs::remove(folder / "hurt/a-conv/model.safetensors");  // so that the stage is opened again
  damage(folder / "hurt/a-conv/checkpoint.safetensors");
  damage(folder / "hurt/a-conv/checkpoint-epoch-0002.safetensors");
  train("hurt", 2, true);
  const auto values = [&](const std::string& out) {
    return models::read_safetensors(folder / (out + "/a-conv/checkpoint.safetensors")).tensors.front().values;
  };
  EXPECT_EQ(values("hurt"), values("whole"));
  EXPECT_TRUE(fs::exists(folder / "hurt/a-conv/checkpoint-epoch-0002.safetensors.damaged"));
}

}  // namespace
}  // namespace avsr::pipeline
