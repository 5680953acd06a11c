#include "eval/scores.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "tests/eval/goldens.h"

namespace avsr::eval {
namespace {

TEST(Accuracy, IsThatOfScikitLearn) {
  int compared = 0;
  for (const nlohmann::json& golden : goldens().at("cases")) {
    if (golden.at("class_metrics").is_null()) continue;
    const OwnScores scores = scores_of(golden.at("scores"), golden.at("unit"));
    const std::vector<int> words = golden.at("words");
    EXPECT_NEAR(accuracy(words, answers_of(scores)), golden.at("class_metrics").at("accuracy"), 1e-15);
    for (const auto& [k, wanted] : golden.at("class_metrics").at("top_k").items()) {
      EXPECT_NEAR(top_k_accuracy(scores, words, std::stoi(k)), wanted, 1e-15) << k;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 8);
}

TEST(Accuracy, OfEqualScoresTheSmallerIndexCountsFirst) {
  // Labels by score: 1, 3, 0, 2.
  const std::vector<float> values{0.25f, 0.5f, 0.125f, 0.5f};
  const Scores scores{values, 4};
  EXPECT_EQ(answers_of(scores), std::vector<int>{1});
  const std::vector<int> rank{3, 1, 4, 2};
  for (int word = 0; word < 4; ++word)
    for (int k = 1; k <= 5; ++k)
      EXPECT_EQ(top_k_accuracy(scores, std::vector<int>{word}, k), rank[static_cast<size_t>(word)] <= k ? 1 : 0)
          << word << " " << k;
}

TEST(Accuracy, OfAClipThatSaysNothingIsThatOfTheFirstLabels) {
  const std::vector<float> uniform(3 * 4, 0.25f);
  const Scores scores{uniform, 4};
  EXPECT_EQ(answers_of(scores), (std::vector<int>{0, 0, 0}));
  EXPECT_DOUBLE_EQ(top_k_accuracy(scores, std::vector<int>{0, 1, 3}, 2), 2.0 / 3);
}

TEST(Accuracy, RefusesWhatDoesNotFit) {
  const std::vector<float> values{0.5f, 0.5f, 1, 0};
  const Scores scores{values, 2};
  const std::vector<int> words{0, 1};
  EXPECT_EQ(top_k_accuracy(scores, words, 1), 0.5);
  EXPECT_THROW(top_k_accuracy(scores, words, 0), std::invalid_argument);
  EXPECT_THROW(top_k_accuracy(scores, std::vector<int>{0}, 1), std::invalid_argument);
  EXPECT_THROW(top_k_accuracy(scores, std::vector<int>{0, 2}, 1), std::invalid_argument);
  EXPECT_THROW(top_k_accuracy(scores, std::vector<int>{-1, 0}, 1), std::invalid_argument);
  EXPECT_THROW(top_k_accuracy({{}, 2}, {}, 1), std::invalid_argument);
  EXPECT_THROW(answers_of({values, 3}), std::invalid_argument);
  EXPECT_THROW(answers_of({values, 0}), std::invalid_argument);
  EXPECT_THROW(accuracy(words, std::vector<int>{0}), std::invalid_argument);
  EXPECT_THROW(accuracy({}, {}), std::invalid_argument);
}

TEST(Scores, RefuseWhatIsNoNumberOrNoProbability) {
  for (const float odd : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    const std::vector<float> values{0.5f, odd};
    EXPECT_THROW(check_scores("test", {values, 2}), std::invalid_argument) << odd;
  }
  for (const float odd : {-0.1f, 1.1f}) {
    const std::vector<float> values{0.5f, odd};
    EXPECT_NO_THROW(check_scores("test", {values, 2})) << odd;
    EXPECT_THROW(check_probabilities("test", {values, 2}), std::invalid_argument) << odd;
  }
}

TEST(Scores, ZeroHasALogarithm) {
  EXPECT_EQ(log_probability(0), std::log(static_cast<double>(std::numeric_limits<float>::min())));
  EXPECT_EQ(log_probability(0.25f), std::log(0.25));
}

}  // namespace
}  // namespace avsr::eval
