#include "bench/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bench/timing.h"
#include "bench/torch_run.h"

namespace avsr::bench {
namespace {

using testing::HasSubstr;
using testing::Not;

const Case kTraining{"audiovisual", Task::training, "bf16", 128}, kInference{"audio", Task::inference, "bf16", 512};

// 100 ms for 10 TFLOP and 50 GB on a device of 400 TFLOP/s and 2000 GB/s.
Report report_of_two_rows() {
  Report report;
  report.devices = {"cuda:0: a GPU"};
  report.limits = {{"bf16", "32768 x 4096 x 4096", {300e12, 400e12, 500e12}, {2000e9}}};
  report.parameters = {{"audiovisual", 1000}};
  report.rows.push_back({kTraining, {90, 100, 300}, 10e12, 50e9, size_t{3} << 30, ""});
  report.rows.push_back({kInference, {}, 0, 0, 0, "out of memory"});
  return report;
}

TEST(Report, ARowHasRatesAndSharesOfTheMedian) {
  const std::string text = markdown(report_of_two_rows());
  EXPECT_THAT(text, HasSubstr("bf16: matrix product 32768 x 4096 x 4096: 400.0 TFLOP/s; copy: 2000 GB/s\n"));
  EXPECT_THAT(text, HasSubstr("| audiovisual | training | bf16 | 128 | 100.0 | 1280 | 100.0 | 25 % | 25 % | 3.00 |\n"));
  EXPECT_THAT(text, HasSubstr("| audio | inference | bf16 | 512 | out of memory | | | | | |\n"));
  EXPECT_THAT(text, Not(HasSubstr("PyTorch")));
}

TEST(Report, ComparesWithEveryFormAndTheBest) {
  Report report = report_of_two_rows();
  report.torch.versions = {{"torch", "2.15.0"}};
  report.torch.parameters = {{"audiovisual", 1000}};
  report.torch.times[kTraining] = {{"eager", 250, 0, ""}, {"compile", 150, 0, ""}, {"graphs", 0, 0, "too slow"}};
  report.torch.times[kInference] = {{"eager", 40, 0, ""}};
  const std::string text = markdown(report);
  EXPECT_THAT(text, HasSubstr("| PyTorch 2.15.0 eager ms (ratio) | compiled ms (ratio) | CUDA graphs ms (ratio) | "
                              "ratio to the best |\n"));
  EXPECT_THAT(text, HasSubstr("| 3.00 | 250.0 (2.50x) | 150.0 (1.50x) | | 1.50x |\n"));
  EXPECT_THAT(text, HasSubstr("| out of memory | | | | | | 40.0 | | | |\n"));
  EXPECT_THAT(text, HasSubstr("- PyTorch audiovisual training bf16, batch 128, graphs: too slow\n"));
  EXPECT_THAT(text, HasSubstr("audiovisual: 1000 parameters, in PyTorch 1000\n"));
}

TEST(Report, SaysWhenTheNetworksDiffer) {
  Report report = report_of_two_rows();
  report.torch.parameters = {{"audiovisual", 999}};
  EXPECT_THAT(markdown(report), HasSubstr("the audiovisual networks differ: 1000 parameters here, 999 in PyTorch"));
}

TEST(Report, SharesOfUnknownLimitsStayEmpty) {
  Report report = report_of_two_rows();
  report.limits.clear();
  report.problems = {"the limits in bf16 were not measured"};
  const std::string text = markdown(report);
  EXPECT_THAT(text, HasSubstr("| audiovisual | training | bf16 | 128 | 100.0 | 1280 | 100.0 |  |  | 3.00 |\n"));
  EXPECT_THAT(text, HasSubstr("- the limits in bf16 were not measured\n"));
}

TEST(Report, JsonHoldsEveryRepeat) {
  const nlohmann::json json = to_json(report_of_two_rows());
  EXPECT_EQ(json["rows"][0]["ms"], nlohmann::json({90, 100, 300}));
  EXPECT_EQ(json["rows"][0]["clips_per_second"], 1280);
  EXPECT_EQ(json["rows"][1]["problem"], "out of memory");
  EXPECT_EQ(json["limits"][0]["precision"], "bf16");
  EXPECT_FALSE(json.contains("torch"));
}

TEST(TorchLines, AreReadOneByOneAndOthersPassedOver) {
  Torch torch;
  EXPECT_EQ(read_torch_line("a warning", torch), "");
  EXPECT_EQ(read_torch_line("17", torch), "");
  EXPECT_EQ(read_torch_line(R"({"torch": "2.15.0", "device": "cpu"})", torch), "");
  EXPECT_EQ(read_torch_line(R"({"network": "video", "parameters": 12})", torch), "");
  EXPECT_EQ(read_torch_line(R"({"network": "video", "task": "training", "precision": "bf16", "batch": 8,
                                "form": "eager", "ms": 1.5, "peak_bytes": 9})",
                            torch),
            "PyTorch video training bf16, batch 8, eager: 1.50 ms");
  EXPECT_EQ(read_torch_line(R"({"network": "video", "task": "inference", "precision": "f32", "batch": 8,
                                "form": "compile", "problem": "out of memory"})",
                            torch),
            "PyTorch video inference f32, batch 8, compile: out of memory");
  EXPECT_EQ(torch.versions["torch"], "2.15.0");
  EXPECT_EQ(torch.parameters["video"], 12);
  EXPECT_EQ(torch.times.at({"video", Task::training, "bf16", 8}).at(0).peak_bytes, 9U);
  EXPECT_TRUE(torch.problem.empty());
  read_torch_line(R"({"form": "eager"})", torch);
  EXPECT_THAT(torch.problem, HasSubstr("could not be read"));
}

TEST(TorchRun, TellsHowTheScriptEnded) {
  const TorchSettings settings{.python = "/bin/sh", .script = "/nowhere/torch_networks.py", .device = "cpu"};
  EXPECT_THAT(run_torch(settings, [](const std::string&) {}).problem, HasSubstr("ended with status"));
}

TEST(Timing, TheMedianOfAnEvenNumberIsTheUpperOne) {
  EXPECT_EQ(median({4, 1, 3, 2}), 3);
  EXPECT_THROW(median({}), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::bench
