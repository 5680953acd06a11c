#include "eval/calibration.h"

#include <cmath>
#include <stdexcept>

#include "tests/eval/goldens.h"

namespace avsr::eval {
namespace {

using nlohmann::json;

TEST(Reliability, IsThatOfScikitLearn) {
  int compared = 0;
  for (const json& golden : goldens().at("cases")) {
    const OwnScores scores = scores_of(golden.at("scores"), golden.at("unit"));
    const std::vector<int> words = golden.at("words");
    for (const json& wanted : golden.at("reliability")) {
      const std::vector<ReliabilityBin> bins = reliability_bins(scores, words, wanted.at("bins"));
      ASSERT_EQ(bins.size(), wanted.at("clips").size());
      size_t filled = 0;  // scikit-learn leaves empty bins out
      for (size_t b = 0; b < bins.size(); ++b) {
        EXPECT_EQ(bins[b].clips, wanted.at("clips").at(b)) << b;
        if (bins[b].clips == 0) continue;
        expect_near(bins[b].accuracy, wanted.at("accuracy").at(filled), "accuracy");
        expect_near(bins[b].confidence, wanted.at("confidence").at(filled++), "confidence");
      }
      expect_near(expected_calibration_error(bins), wanted.at("error"), "error");
      ++compared;
    }
  }
  EXPECT_EQ(compared, 9);
}

TEST(Reliability, BinsHoldTheirUpperEdge) {
  // Confidences 1/4 (right), 1/2 (wrong), just above 1/2 (right), 1 (right), of 4 labels.
  const float above = std::nextafter(0.5f, 1.0f);
  const std::vector<float> rows{0.25f, 0.25f, 0.25f, 0.25f, 0.5f, 0.25f, 0.25f, 0, above, 0.25f, 0.125f, 0, 0, 1, 0, 0};
  const std::vector<int> words{0, 3, 0, 1};
  const std::vector<ReliabilityBin> bins = reliability_bins({rows, 4}, words, 4);
  const std::vector<int64_t> clips{1, 1, 1, 1};
  for (size_t b = 0; b < 4; ++b) {
    EXPECT_EQ(bins[b].clips, clips[b]) << b;
    EXPECT_EQ(bins[b].low, 0.25 * static_cast<double>(b));
    EXPECT_EQ(bins[b].high, 0.25 * static_cast<double>(b + 1));
    EXPECT_EQ(bins[b].accuracy, b == 1 ? 0 : 1) << b;
  }
  EXPECT_NEAR(*expected_calibration_error(bins), (0.75 + 0.5 + (1 - above) + 0) / 4, 1e-15);
}

TEST(Reliability, OfNothingIsNone) {
  const std::vector<ReliabilityBin> bins = reliability_bins({{}, 3}, {}, 2);
  ASSERT_EQ(bins.size(), 2u);
  EXPECT_FALSE(bins[0].accuracy || bins[0].confidence);
  EXPECT_FALSE(expected_calibration_error(bins));
  const std::vector<float> zeros(3);  // confidence 0: the first bin
  EXPECT_EQ(reliability_bins({zeros, 3}, std::vector<int>{0}, 2)[0].clips, 1);
}

TEST(Temperature, IsThatOfSciPy) {
  for (const json& golden : goldens().at("cases")) {
    const json& wanted = golden.at("temperature");
    const OwnScores logits = scores_of(wanted.at("logits"), wanted.at("unit"));
    const std::vector<int> words = golden.at("words");
    EXPECT_NEAR(negative_log_likelihood(logits, words), wanted.at("loss"), 1e-12);
    const double temperature = best_temperature(logits, words);
    EXPECT_NEAR(temperature, wanted.at("temperature"), 1e-6 * temperature);
    EXPECT_NEAR(negative_log_likelihood(logits, words, temperature), wanted.at("best_loss"), 1e-12);
    const std::vector<float> probabilities = tempered(logits, temperature);
    ASSERT_EQ(probabilities.size(), logits.values.size());
    const std::vector<double> first = wanted.at("tempered");
    for (size_t v = 0; v < first.size(); ++v) EXPECT_NEAR(probabilities[v], first[v], 1e-6) << v;
  }
}

TEST(Temperature, OfTwoLabelsByHand) {
  // 3 of 4 are right at a logit difference of 4: the best probability is 3/4, so 4 / T = log 3.
  const std::vector<float> logits{4, 0, 4, 0, 4, 0, 4, 0};
  const std::vector<int> words{0, 0, 0, 1};
  const double temperature = best_temperature({logits, 2}, words);
  EXPECT_NEAR(temperature, 4 / std::log(3.0), 4e-6);
  EXPECT_NEAR(tempered({logits, 2}, temperature)[0], 0.75, 1e-6);
  EXPECT_NEAR(negative_log_likelihood({logits, 2}, words, temperature),
              -(0.75 * std::log(0.75) + 0.25 * std::log(0.25)), 1e-12);
}

TEST(Temperature, OfLogProbabilitiesIsThatOfTheLogits) {
  const std::vector<float> logits{2, -1, 0.5f, 0, 3, 1, -2, 0, 1};
  const std::vector<int> words{0, 0, 2};
  const std::vector<float> logarithms = log_probabilities({tempered({logits, 3}, 1), 3});
  const double temperature = best_temperature({logits, 3}, words);
  EXPECT_GT(temperature, 0.1);
  EXPECT_LT(temperature, 10);
  EXPECT_NEAR(best_temperature({logarithms, 3}, words), temperature, 1e-5);
}

TEST(Temperature, StaysInItsRange) {
  const std::vector<float> sure{900, 0, 0, 900}, equal(4, 7.0f);
  EXPECT_EQ(best_temperature({sure, 2}, std::vector<int>{0, 1}), kLowestTemperature);
  EXPECT_EQ(best_temperature({sure, 2}, std::vector<int>{1, 0}), kHighestTemperature);
  EXPECT_EQ(best_temperature({equal, 2}, std::vector<int>{0, 1}), 1);
  EXPECT_DOUBLE_EQ(negative_log_likelihood({sure, 2}, std::vector<int>{1, 0}), 900);  // nothing overflows
  EXPECT_EQ(tempered({sure, 2}, kLowestTemperature), (std::vector<float>{1, 0, 0, 1}));
}

TEST(Calibration, RefusesWhatDoesNotFit) {
  const std::vector<float> rows{0.75f, 0.25f, 0.5f, 0.5f}, odd{0.5f, std::nanf("")}, logits{2, -1};
  const std::vector<int> words{0, 1}, one{0};
  EXPECT_NO_THROW(reliability_bins({rows, 2}, words, 1));
  EXPECT_THROW(reliability_bins({rows, 2}, words, 0), std::invalid_argument);
  EXPECT_THROW(reliability_bins({rows, 2}, one, 5), std::invalid_argument);
  EXPECT_THROW(reliability_bins({rows, 2}, std::vector<int>{0, 2}, 5), std::invalid_argument);
  EXPECT_THROW(reliability_bins({logits, 2}, one, 5), std::invalid_argument);
  EXPECT_THROW(log_probabilities({logits, 2}), std::invalid_argument);
  EXPECT_THROW(best_temperature({odd, 2}, one), std::invalid_argument);
  EXPECT_THROW(best_temperature({rows, 2}, one), std::invalid_argument);
  EXPECT_THROW(best_temperature({{}, 2}, {}), std::invalid_argument);
  EXPECT_THROW(negative_log_likelihood({{}, 2}, {}), std::invalid_argument);
  for (const double temperature : {0.0, -1.0, std::nan("")})
    EXPECT_THROW(tempered({logits, 2}, temperature), std::invalid_argument) << temperature;
}

}  // namespace
}  // namespace avsr::eval
