// What an evaluation writes, from answers made by hand: no model is needed to see it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "io/temporary_folder.h"
#include "pipeline/evaluate.h"

namespace avsr::pipeline {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Four clips of which one is wrong.
Evaluation small_evaluation() {
  Evaluation evaluation;
  evaluation.labels = {"<background>", "a|b", "c&d"};
  evaluation.words = {0, 1, 1, 2};
  evaluation.keys = {"k0", "k1", "k2", "k3"};
  evaluation.rows = {{"audio|1", models::Streams::audio, std::nullopt, {0, 0, 1, 2}}};
  evaluation.noise = {{"kind", "white"}};
  evaluation.data = {{"split", "test"}, {"hash", "0"}, {"seed", 1}, {"labels", 3}};
  return evaluation;
}

TEST(EvaluationReport, MarkdownShowsEveryLabelAsItIs) {
  const io::TemporaryFolder folder;
  write_results(small_evaluation(), folder.path());
  const std::string report = io::read_text_file(folder / "results.md");
  EXPECT_THAT(report,
              AllOf(HasSubstr("| &lt;background> | 1 | 1 | 100.0 |\n"), HasSubstr("| a&#124;b | 1 | 2 | 50.0 |\n"),
                    HasSubstr("| c&amp;d | 1 | 1 |"), HasSubstr("| a&#124;b | &lt;background> | 1 |\n")));
  EXPECT_THAT(report, AllOf(HasSubstr("| audio&#124;1 | 75.0 ("), Not(HasSubstr("audio|1")), Not(HasSubstr("<back"))));
}

TEST(EvaluationReport, TheBackgroundIsNoWord) {
  const io::TemporaryFolder folder;
  Evaluation evaluation = small_evaluation();
  write_results(evaluation, folder.path());
  EXPECT_THAT(io::read_text_file(folder / "results.md"), HasSubstr("# Accuracy: 2 words, 4 clips"));
  evaluation.labels[0] = "background";
  write_results(evaluation, folder.path());
  EXPECT_THAT(io::read_text_file(folder / "results.md"), HasSubstr("# Accuracy: 3 words, 4 clips"));
}

TEST(EvaluationReport, JsonHasTheWordsAndConfusionsOfAModelTogether) {
  const nlohmann::json results = results_json(small_evaluation());
  ASSERT_EQ(results.at("by_word").size(), 1u);
  const nlohmann::json& one = results["by_word"][0];
  EXPECT_EQ(one.at("model"), "audio|1");
  EXPECT_EQ(one.at("snr_db"), "clean");
  EXPECT_EQ(one.at("words").size(), 3u);
  EXPECT_EQ(one.at("confusions"), nlohmann::json::parse(R"([{"said": "a|b", "heard": "<background>", "clips": 1}])"));
}

TEST(EvaluationReport, OneLevelMakesNoCurve) {
  const io::TemporaryFolder folder;
  Evaluation evaluation = small_evaluation();
  write_results(evaluation, folder.path());
  EXPECT_FALSE(std::filesystem::exists(folder / "noise-curve.svg"));
  evaluation.rows.push_back(evaluation.rows[0]);
  evaluation.rows[1].snr_db = 0;
  write_results(evaluation, folder.path());
  EXPECT_TRUE(std::filesystem::exists(folder / "noise-curve.svg"));
}

}  // namespace
}  // namespace avsr::pipeline
