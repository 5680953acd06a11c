// What an evaluation writes, from answers made by hand: no model is needed to see it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "io/temporary_folder.h"
#include "pipeline/evaluation/evaluate.h"
#include "pipeline/evaluation/evaluation_numbers.h"

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
  evaluation.conditions = {{}};
  evaluation.rows = {{"audio|1", models::Streams::audio, {}, {0, 0, 1, 2}, {}, {0, 1, 0, 0}, {}}};
  evaluation.groups = {0, 0, 1, 1};
  evaluation.speakers = {"s1", "s1", "s1", "s2"};
  evaluation.grouped_by = "recording";
  evaluation.noises = {{{"kind", "white"}, {"name", "white"}}};
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

TEST(EvaluationReport, JsonHasWhatIsKnownOfASystemTogether) {
  Evaluation evaluation = small_evaluation();
  evaluation.rows[0].probabilities = {0.9f, 0.1f, 0, 0.6f, 0.3f, 0.1f, 0, 1, 0, 0.2f, 0.2f, 0.6f};
  const nlohmann::json results = results_json(evaluation);
  ASSERT_EQ(results.at("systems").size(), 1u);
  const nlohmann::json& one = results["systems"][0];
  EXPECT_EQ(one.at("model"), "audio|1");
  EXPECT_EQ(one.at("snr_db"), "clean");
  EXPECT_EQ(one.at("by_word").size(), 3u);
  EXPECT_EQ(one.at("confusions"), nlohmann::json::parse(R"([{"said": "a|b", "heard": "<background>", "clips": 1}])"));
  EXPECT_EQ(one.at("by_speaker")[0].at("clips"), 3);
  EXPECT_EQ(one.at("by_speaker")[1].at("correct"), 1);
  EXPECT_EQ(one.at("by_length").size(), 2u);  // 3 letters, and 12
  EXPECT_DOUBLE_EQ(one.at("top5").get<double>(), 1);
  EXPECT_DOUBLE_EQ(one.at("macro_recall").get<double>(), (1 + 0.5 + 1) / 3);
  EXPECT_EQ(one.at("reliability").size(), 15u);
  EXPECT_GT(one.at("roc_area").get<double>(), 0.9);
  EXPECT_TRUE(results.at("comparisons").empty());
  EXPECT_THAT(results_csv(evaluation), HasSubstr("\naudio|1,audio,none,clean,,,0.750000,"));
}

// Wrong where the other one is right, twice; the other way round once.
TEST(EvaluationReport, SystemsAreComparedOnTheSameClips) {
  Evaluation evaluation = small_evaluation();
  evaluation.rows.push_back({"both", models::Streams::audiovisual, {}, {0, 1, 0, 2}, {}, {0, 0, 1, 0}, {}});
  evaluation.rows.push_back({"video", models::Streams::video, {}, {1, 0, 0, 2}, {}, {1, 1, 1, 0}, {}});
  const std::vector<Comparison> comparisons = compare(evaluation);
  ASSERT_EQ(comparisons.size(), 2u);
  for (const Comparison& one : comparisons) EXPECT_EQ(one.system, "both");
  EXPECT_EQ(comparisons[0].over, "audio|1");
  EXPECT_EQ(comparisons[0].only_system, 1);
  EXPECT_EQ(comparisons[0].only_over, 1);
  EXPECT_DOUBLE_EQ(comparisons[0].difference, 0);
  EXPECT_DOUBLE_EQ(comparisons[0].p, 1);
  EXPECT_EQ(comparisons[1].over, "video");
  EXPECT_EQ(comparisons[1].only_system, 2);
  EXPECT_DOUBLE_EQ(comparisons[1].difference, 0.5);
  EXPECT_DOUBLE_EQ(comparisons[1].p, 0.5);
  EXPECT_DOUBLE_EQ(comparisons[1].p_holm, 1);
  const io::TemporaryFolder folder;
  write_results(evaluation, folder.path());
  EXPECT_THAT(io::read_text_file(folder / "results.md"),
              AllOf(HasSubstr("## Points that both is ahead"), HasSubstr("| over video | +50.0")));
}

TEST(EvaluationReport, OneLevelMakesNoCurve) {
  const io::TemporaryFolder folder;
  Evaluation evaluation = small_evaluation();
  write_results(evaluation, folder.path());
  EXPECT_FALSE(std::filesystem::exists(folder / "noise-curve.svg"));
  evaluation.rows.push_back(evaluation.rows[0]);
  evaluation.rows[1].condition = {0, 0.0, std::nullopt};
  evaluation.conditions.push_back(evaluation.rows[1].condition);
  write_results(evaluation, folder.path());
  EXPECT_TRUE(std::filesystem::exists(folder / "noise-curve.svg"));
}

// A table and a picture for each noise and each damage; clean alone is not told twice.
TEST(EvaluationReport, EveryNoiseAndDamageHasItsTable) {
  EvaluationSettings settings;
  settings.noises = {"babble", "white"};
  settings.levels_db = {std::nullopt, 0.0};
  settings.damages = {parse_damage("blur:2")};
  Evaluation evaluation = small_evaluation();
  evaluation.noises = {{{"kind", "babble"}, {"name", "babble"}}, {{"kind", "white"}, {"name", "white"}}};
  evaluation.conditions = conditions_of(settings);
  ASSERT_EQ(evaluation.conditions.size(), 6u);
  EXPECT_EQ(evaluation.name_of(evaluation.conditions[0]), "clean");
  EXPECT_EQ(evaluation.name_of(evaluation.conditions[2]), "white 0 dB");
  EXPECT_EQ(evaluation.name_of(evaluation.conditions[5]), "white 0 dB, blur:2");
  const EvaluationRow row = evaluation.rows[0];
  evaluation.rows.clear();
  for (const Condition& condition : evaluation.conditions) {
    evaluation.rows.push_back(row);
    evaluation.rows.back().condition = condition;
  }
  const std::string table = accuracy_table(evaluation, true);
  for (const char* title : {"### babble\n", "### white\n", "### babble, blur:2\n", "### white, blur:2\n"})
    EXPECT_THAT(table, HasSubstr(title));
  const io::TemporaryFolder folder;
  write_results(evaluation, folder.path());
  for (const char* name : {"noise-curve.svg", "noise-curve-white.svg", "noise-curve-white--blur-2.svg"})
    EXPECT_TRUE(std::filesystem::exists(folder / name)) << name;
  const nlohmann::json rows = results_json(evaluation).at("rows");
  EXPECT_EQ(rows[0].at("noise"), "none");
  EXPECT_EQ(rows[2].at("noise"), "white");
  EXPECT_EQ(rows[5].at("damage"), "blur:2");
}

}  // namespace
}  // namespace avsr::pipeline
