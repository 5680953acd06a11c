// The pages on a training: what they hold, and that nothing in them is taken for HTML.
#include "pipeline/training/training_report.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <stdexcept>

#include "io/atomic_file.h"
#include "pipeline/html_page.h"
#include "tests/pipeline/small_corpus.h"

namespace avsr::pipeline {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(HtmlPage, MakesTextsSafe) {
  const std::string page = html_page(
      "quality", {{"counts", {{{"split", "<b>train</b>"}, {"reason", "a & b"}, {"clips", "3"}}}}, {"sheet", false}});
  EXPECT_THAT(page, AllOf(HasSubstr("&lt;b&gt;train"), HasSubstr("a &amp; b"), HasSubstr("font-family"),
                          HasSubstr("<td>none"), Not(HasSubstr("contact_sheet.png"))));
  EXPECT_THROW(html_page("nonsense", {}), std::invalid_argument);
}

class TrainingReport : public testing::Test {
 protected:
  std::string write(const std::string& log) const {
    io::write_file_atomically(folder_ / "a-conv/log.jsonl", std::string_view(log));
    const nlohmann::json run{
        {"recipe", "small"},
        {"seed", 1},
        {"data", "clips <of mine>"},
        {"stages",
         {{"a-conv",
           {{"epochs", 2}, {"best_epoch", 1}, {"val_accuracy", 0.625}, {"seconds", 100.0}, {"finished", "now"}}}}}};
    write_training_reports(folder_.path(), recipe_, recipe_.stages[0], run, "a device");
    return io::read_text_file(folder_ / "a-conv/report.html");
  }

  TemporaryFolder folder_;
  Recipe recipe_ = small_recipe();
  const std::string log_ =
      R"({"epoch": 1, "train_loss": 0.7, "val_loss": 0.65, "train_accuracy": 0.5, "val_accuracy": 0.625, "rate": 0.003, )"
      R"("gradient_norm": 1.25, "clips_per_second": 120.4, "waited_share": 0.034, "seconds": 61, "best": true, )"
      R"("warnings": [{"kind": "blind", "text": "learns nothing"}]})"
      "\n"
      R"({"epoch": 2, "train_loss": null, "val_loss": 0.66, "train_accuracy": 0.6, "val_accuracy": 0.6, "rate": 0.003, )"
      R"("seconds": 39, "best": false, "seen": {"step": 8, "median_update_ratio": 0.0021, )"
      R"("layers": [{"path": "audio/frontend/conv", "mean": 0.4, "deviation": 0.58, "dead_relus": 0.25}], )"
      R"("update_ratios": {"audio/frontend/conv/weight": 0.0042}}})"
      "\n";
};

TEST_F(TrainingReport, TellsOfTheStage) {
  const std::string page = write(log_);
  EXPECT_THAT(page, AllOf(HasSubstr("Stage a-conv"), HasSubstr("clips &lt;of mine&gt;"), HasSubstr("a device"),
                          HasSubstr("Epoch 1: learns nothing")));
  EXPECT_THAT(page, HasSubstr("<tr class=\"best\"><td class=\"n\">1<td class=\"n\">0.003<td class=\"n\">0.700<td "
                              "class=\"n\">50.0<td class=\"n\">0.650<td class=\"n\">62.5<td class=\"n\">1.2<td "
                              "class=\"n\">–<td class=\"n\">120<td class=\"n\">3.4<td class=\"n\">1:01"));
  EXPECT_THAT(page, HasSubstr("<tr><td class=\"n\">2<td class=\"n\">0.003<td class=\"n\">–"));
  EXPECT_THAT(page, HasSubstr("<td>audio/frontend/conv<td class=\"n\">0.4<td class=\"n\">0.58<td class=\"n\">25.0"));
  EXPECT_THAT(page, HasSubstr("<td>audio/frontend/conv/weight<td class=\"n\">0.0042"));
  EXPECT_THAT(page, AllOf(HasSubstr("<td>stage.rate<td>3.0e-3"), HasSubstr("<td>data.size<td>16")));
  EXPECT_THAT(page, Not(HasSubstr("http-equiv")));
}

TEST_F(TrainingReport, TellsOfTheRun) {
  write(log_);
  const std::string page = io::read_text_file(folder_ / "report.html");
  EXPECT_THAT(page, AllOf(HasSubstr("recipe small"), HasSubstr("<a href=\"a-conv/report.html\">a-conv</a>"),
                          HasSubstr("62.5"), HasSubstr("a-conv, epoch 1: learns nothing"), Not(HasSubstr("a-rec"))));
}

TEST_F(TrainingReport, CurvesLieInside) {
  if (std::system("gnuplot --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "gnuplot is not installed";
  const std::string page = write(log_);
  size_t pictures = 0;
  for (size_t at = page.find("<svg"); at != std::string::npos; at = page.find("<svg", at + 1)) ++pictures;
  EXPECT_EQ(pictures, 5u);
  EXPECT_THAT(page, AllOf(HasSubstr("||dw|| / ||w||"), Not(HasSubstr("gnuplot-nox"))));
}

TEST_F(TrainingReport, IsWrittenWithoutGnuplot) {
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/nonexistent", 1);
  const std::string page = write(log_);
  setenv("PATH", path.c_str(), 1);
  EXPECT_THAT(page, AllOf(HasSubstr("gnuplot-nox"), HasSubstr("learns nothing"), Not(HasSubstr("<svg"))));
}

}  // namespace
}  // namespace avsr::pipeline
