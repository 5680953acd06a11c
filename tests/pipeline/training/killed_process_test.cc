// The program itself, killed with -9 at random moments and started again until it ends.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <stdexcept>

#include "io/program.h"
#include "models/safetensors.h"
#include "preprocessing/random.h"
#include "tests/pipeline/small_corpus.h"
#include "tests/small_files.h"

namespace avsr::pipeline {
namespace {

namespace fs = std::filesystem;

class KilledProcess : public testing::Test {
 protected:
  KilledProcess() {
    write_small_corpus(folder_ / "data");
    tests::put(folder_ / "small.yaml", small_recipe_text());
  }

  // Seconds that it took. With a limit it is killed after so many seconds.
  double train(const std::string& out, double limit = 0) const {
    std::vector<std::string> command;
    if (limit > 0) command = {"timeout", "-s", "KILL", fmt::format("{:.3f}", limit)};
    const std::string run = folder_ / out;
    for (const std::string& argument :
         {std::string(AVSR_PROGRAM), std::string("train"), folder_ / "small.yaml", std::string("--data"),
          folder_ / "data", std::string("--out"), run, std::string("--device"), std::string("cpu"),
          std::string("--threads"), std::string("1"), std::string("--workers"), std::string("1"),
          std::string("--checkpoint-minutes"), std::string("0")})
      command.push_back(argument);
    if (fs::exists(fs::path(run) / "run.json")) command.emplace_back("--resume");
    const auto start = std::chrono::steady_clock::now();
    try {
      io::run_program(command);
    } catch (const std::runtime_error&) {
      if (limit == 0) throw;
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  std::vector<models::HostTensor> tensors(const std::string& file) const {
    return models::read_safetensors(folder_ / file).tensors;
  }

  TemporaryFolder folder_;
};

TEST_F(KilledProcess, EndsWithTheWeightsOfAnUnbrokenRun) {
  const double seconds = train("whole");
  preprocessing::Random random(static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()));
  constexpr int kKills = 10;
  for (int i = 0; i < kKills; ++i) train("killed", random.uniform(0.05, 0.35) * seconds);
  train("killed");
  for (const char* model : {"audio", "video", "audiovisual"}) {
    const auto whole = tensors(fmt::format("whole/{}.safetensors", model)),
               killed = tensors(fmt::format("killed/{}.safetensors", model));
    ASSERT_GT(whole.size(), 20u);
    ASSERT_EQ(killed.size(), whole.size());
    for (size_t i = 0; i < whole.size(); ++i) EXPECT_EQ(killed[i].values, whole[i].values) << model << whole[i].name;
  }
}

}  // namespace
}  // namespace avsr::pipeline
