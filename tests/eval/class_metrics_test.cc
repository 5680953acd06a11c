#include "eval/class_metrics.h"

#include <stdexcept>

#include "tests/eval/goldens.h"

namespace avsr::eval {
namespace {

using nlohmann::json;

void expect_shares(const ClassShares& found, const json& wanted, size_t at, const std::string& what) {
  expect_near(found.precision, wanted.at("precision").at(at), what + " precision");
  expect_near(found.recall, wanted.at("recall").at(at), what + " recall");
  expect_near(found.specificity, wanted.at("specificity").at(at), what + " specificity");
  expect_near(found.f1, wanted.at("f1").at(at), what + " F1");
}

TEST(ClassMetrics, AreThoseOfScikitLearn) {
  int cases = 0;
  for (const json& golden : goldens().at("cases")) {
    const json& wanted = golden.at("class_metrics");
    if (wanted.is_null()) continue;
    ++cases;
    const OwnScores scores = scores_of(golden.at("scores"), golden.at("unit"));
    const std::vector<int> words = golden.at("words");
    const ConfusionMatrix matrix = confusion_matrix(words, answers_of(scores), scores.labels);
    EXPECT_EQ(json(matrix.counts), wanted.at("confusions"));
    const std::vector<ClassMetrics> classes = class_metrics(matrix);
    ASSERT_EQ(classes.size(), wanted.at("support").size());
    for (size_t v = 0; v < classes.size(); ++v) {
      EXPECT_EQ(classes[v].support, wanted.at("support").at(v));
      expect_shares(classes[v], wanted.at("classes"), v, std::to_string(v));
    }
    expect_shares(macro_mean(classes), wanted.at("macro"), 0, "macro");
    expect_shares(weighted_mean(classes), wanted.at("weighted"), 0, "weighted");
  }
  EXPECT_EQ(cases, 2);
}

TEST(ClassMetrics, AreWhatTheirDefinitionsSay) {
  // Class 1: 6 found, 1 false alarm, 2 missed, 3 rightly rejected.
  const std::vector<int> said{1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0, 0}, heard{1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0};
  const ClassMetrics one = class_metrics(confusion_matrix(said, heard, 2))[1];
  EXPECT_DOUBLE_EQ(*one.precision, 6.0 / 7);
  EXPECT_DOUBLE_EQ(*one.recall, 0.75);
  EXPECT_DOUBLE_EQ(*one.specificity, 0.75);
  EXPECT_DOUBLE_EQ(*one.f1, 0.8);
  EXPECT_EQ(one.support, 8);
}

TEST(ClassMetrics, AreNoneWhereThereIsNothingToShare) {
  // Label 0 is all that is said; label 1 is only answered; label 2 neither.
  const std::vector<ClassMetrics> classes =
      class_metrics(confusion_matrix(std::vector<int>{0, 0}, std::vector<int>{1, 1}, 3));
  EXPECT_FALSE(classes[0].precision);
  EXPECT_EQ(classes[0].recall, 0);
  EXPECT_FALSE(classes[0].specificity);
  EXPECT_EQ(classes[0].f1, 0);
  EXPECT_EQ(classes[1].precision, 0);
  EXPECT_FALSE(classes[1].recall);
  EXPECT_EQ(classes[1].specificity, 0);
  EXPECT_FALSE(classes[2].f1);
  EXPECT_EQ(classes[2].specificity, 1);
  EXPECT_EQ(macro_mean(classes).specificity, 0.5);
  EXPECT_FALSE(weighted_mean(classes).specificity);  // the classes that have one have no clips
  const ClassShares nothing = macro_mean(class_metrics(confusion_matrix({}, {}, 2)));
  EXPECT_FALSE(nothing.precision || nothing.recall || nothing.specificity || nothing.f1);
}

TEST(ConfusionMatrix, IsOfWhatWasSaidByRows) {
  const ConfusionMatrix matrix = confusion_matrix(std::vector<int>{0, 0, 2}, std::vector<int>{1, 1, 2}, 3);
  EXPECT_EQ(matrix.counts, (std::vector<int64_t>{0, 2, 0, 0, 0, 0, 0, 0, 1}));
  EXPECT_EQ(matrix.at(0, 1), 2);
  EXPECT_EQ(matrix.at(1, 0), 0);
}

TEST(ConfusionMatrix, RefusesWhatDoesNotFit) {
  const std::vector<int> words{0, 1};
  EXPECT_THROW(confusion_matrix(words, std::vector<int>{0}, 2), std::invalid_argument);
  EXPECT_THROW(confusion_matrix(words, std::vector<int>{0, 2}, 2), std::invalid_argument);
  EXPECT_THROW(confusion_matrix(std::vector<int>{0, -1}, words, 2), std::invalid_argument);
  EXPECT_THROW(confusion_matrix({}, {}, 0), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::eval
