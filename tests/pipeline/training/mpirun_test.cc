// The program itself on several processes, started by mpirun.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "io/atomic_file.h"
#include "io/program.h"
#include "pipeline/training/recipe.h"
#include "tests/pipeline/small_corpus.h"

namespace avsr::pipeline {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class MpirunTest : public testing::Test {
 protected:
  void SetUp() override {
#ifndef AVSR_MPI_PLUGIN
    GTEST_SKIP() << "this build has no MPI plug-in: MPI was not there";
#endif
    if (shell("command -v mpirun").find("/mpirun") == std::string::npos) GTEST_SKIP() << "there is no mpirun";
    write_small_corpus(folder_ / "data");
    io::write_file_atomically(folder_ / "recipe.yaml", std::string_view(small_recipe(overrides_).text));
  }
  // What a command writes to both outputs, and "exit N".
  static std::string shell(const std::string& command) {
    return io::run_program({"sh", "-c", command + " 2>&1; echo exit $?"});
  }
  // As mpirun's arguments: so many ranks of `avsr train` on these data.
  std::string ranks(int count, const std::string& data, const std::string& out) const {
    return " -n " + std::to_string(count) + " " + program(data, out);
  }
  std::string program(const std::string& data, const std::string& out) const {
    return std::string(AVSR_PROGRAM) + " train " + (folder_ / "recipe.yaml") + " --data " + (folder_ / data) +
           " --out " + (folder_ / out) + " --stages v-conv --device cpu --threads 1 --workers 1";
  }
  static std::string mpirun(const std::string& arguments) {
    // Open MPI leaves memory behind when it ends; and its ranks must not spin while others want the cores.
    return shell(
        "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 ASAN_OPTIONS=detect_leaks=0 "
        "OMPI_MCA_mpi_yield_when_idle=1 mpirun "
        "--oversubscribe --bind-to none" +
        arguments);
  }
  std::vector<double> losses(const std::string& out) const {
    std::istringstream lines(io::read_text_file(folder_ / (out + "/v-conv/log.jsonl")));
    std::vector<double> found;
    for (std::string line; std::getline(lines, line);)
      for (const char* key : {"train_loss", "val_loss"}) found.push_back(nlohmann::json::parse(line).at(key));
    return found;
  }

  // As in ranks_test.cc: so that rounding stays rounding.
  const std::vector<std::string> overrides_{"sync_batch_norm=true", "stages.*.optimizer=sgd", "stages.*.rate=1e-4",
                                            "stages.*.epochs=2"};
  io::TemporaryFolder folder_;
};

TEST_F(MpirunTest, TwoAndFourRanksGiveOnesLosses) {
  EXPECT_THAT(shell(program("data", "one")), HasSubstr("exit 0"));
  const std::vector<double> alone = losses("one");
  ASSERT_EQ(alone.size(), 4u);
  for (const int count : {2, 4}) {
    const std::string out = std::to_string(count);
    EXPECT_THAT(mpirun(ranks(count, "data", out)),
                AllOf(HasSubstr("exit 0"), HasSubstr(out + " ranks, " + out + " of them on "), HasSubstr("Open MPI")));
    const std::vector<double> together = losses(out);
    ASSERT_EQ(together.size(), alone.size());
    for (size_t i = 0; i < alone.size(); ++i) EXPECT_NEAR(together[i], alone[i], 5e-4);
  }
}

TEST_F(MpirunTest, ARankThatFailsEndsAllWithItsMessage) {
  // By a shell in each rank: where a bare system has no /sys, Open MPI 5 crashes over two programs in one call.
  io::write_file_atomically(folder_ / "rank.sh",
                            fmt::format("if [ $OMPI_COMM_WORLD_RANK = 1 ]; then exec {}; else exec {}; fi\n",
                                        program("absent", "run"), program("data", "run")));
  EXPECT_THAT(mpirun(fmt::format(" -n 2 sh {}", folder_ / "rank.sh")),
              AllOf(HasSubstr("avsr, rank 1 of 2 on "), HasSubstr("absent"), Not(HasSubstr("exit 0"))));
}

}  // namespace
}  // namespace avsr::pipeline
