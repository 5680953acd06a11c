// What the memory plan of a training step is made of: a rehearsal counts what the real step takes, and a step of a
// shape seen before takes no more.
#include "tests/models/network_fixture.h"

namespace avsr::models {
namespace {

class DeviceMemory : public NetworkFixture {
 protected:
  // On a GPU large enough for cuDNN's workspaces to be a small part.
  bool on_gpu() const { return backend_->name().starts_with("cuda"); }
  NetworkConfig config() const {
    NetworkConfig config = narrow_config(Streams::audiovisual);
    if (!on_gpu()) return config;
    config.video.crop = 88;
    config.video.frontend_width = config.audio.frontend_width = 64;
    config.video.widths = {64, 128};
    config.audio.widths = {64, 64, 128, 128};
    return config;
  }
  // Runs `count` steps on backend_; what it holds after each, and the most it held in each.
  std::vector<backend::MemoryUse> memory_of_steps(int count) {
    const auto network = make_network(*backend_, config_, 3);
    const size_t clips = on_gpu_ ? 64 : 2;
    const Inputs inputs = random_inputs(config_, backend::Lengths(clips, 25), 25);
    Trainer trainer(*backend_);
    std::vector<backend::MemoryUse> uses;
    for (int step = 0; step < count; ++step) {
      backend_->restart_peak();
      trainer.step(*network, inputs, std::vector<int>(clips, 1));
      uses.push_back(backend_->memory());
    }
    return uses;
  }

  const bool on_gpu_ = on_gpu();
  const NetworkConfig config_ = config();  // the rehearsal's too, whatever its name
};

TEST_F(DeviceMemory, ARehearsalCountsWhatAStepTakes) {
  auto rehearsal = backend_->rehearsal();
  if (!rehearsal) GTEST_SKIP() << "this back end plans nothing";
  const size_t real = memory_of_steps(2).back().peak;
  std::swap(backend_, rehearsal);
  const size_t planned = memory_of_steps(2).back().peak;
  EXPECT_GT(planned, size_t{1} << 20);
  EXPECT_GE(static_cast<double>(planned), 0.99 * static_cast<double>(real));
  // On a GPU the plan holds the workspace in which cuDNN's algorithms are measured; a machine that knows them already
  // needs less.
  const double workspace = on_gpu_ ? 1.1 * (1 << 30) : 0;
  EXPECT_LE(static_cast<double>(planned), 1.01 * static_cast<double>(real) + workspace);
}

TEST_F(DeviceMemory, AStepOfAKnownShapeTakesNoMore) {
  const auto uses = memory_of_steps(4);
  EXPECT_GT(uses[0].used, size_t{0});
  for (size_t i = 2; i < uses.size(); ++i) {
    EXPECT_EQ(uses[i].used, uses[1].used) << "step " << i + 1;
    EXPECT_EQ(uses[i].peak, uses[1].peak) << "step " << i + 1;
  }
}

}  // namespace
}  // namespace avsr::models
