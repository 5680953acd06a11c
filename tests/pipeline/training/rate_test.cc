#include "pipeline/training/rate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/pipeline/small_corpus.h"

namespace avsr::pipeline {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A stage of 20 epochs at rate 1, with more keys as overrides without "stages.join.".
Stage stage_with(std::vector<std::string> overrides) {
  overrides.insert(overrides.begin(), {"epochs=20", "rate=1"});
  for (std::string& text : overrides) text.insert(0, "stages.join.");
  return small_recipe(overrides).stages.back();
}

std::string refusal(const std::vector<std::string>& overrides) {
  try {
    stage_with(overrides);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(Rate, IsThePapersByDefault) {
  const Stage stage = stage_with({});
  EXPECT_DOUBLE_EQ(rate_at(stage, 0, 0), 1);
  EXPECT_DOUBLE_EQ(rate_at(stage, 4, 0.9), 1);
  EXPECT_DOUBLE_EQ(rate_at(stage, 5, 0), std::pow(0.5, 0.2));
  EXPECT_DOUBLE_EQ(rate_at(stage, 9, 0.5), 0.5);
}

TEST(Rate, FollowsTheDecay) {
  EXPECT_DOUBLE_EQ(rate_at(stage_with({"decay=constant"}), 19, 0.5), 1);

  const Stage step = stage_with({"decay={kind: step, every: 8, factor: 0.5}"});
  EXPECT_DOUBLE_EQ(rate_at(step, 7, 0.99), 1);
  EXPECT_DOUBLE_EQ(rate_at(step, 8, 0), 0.5);
  EXPECT_DOUBLE_EQ(rate_at(step, 16, 0.3), 0.25);
  EXPECT_DOUBLE_EQ(rate_at(stage_with({"decay={kind: step, every: 8}"}), 8, 0), 0.1);

  const Stage exponential = stage_with({"decay={kind: exponential, factor: 0.81}"});
  EXPECT_DOUBLE_EQ(rate_at(exponential, 0, 0.5), 0.9);
  EXPECT_DOUBLE_EQ(rate_at(exponential, 2, 0), 0.6561);

  const Stage inverse = stage_with({"decay={kind: inverse, half_after: 4}"});
  EXPECT_DOUBLE_EQ(rate_at(inverse, 0, 0), 1);
  EXPECT_DOUBLE_EQ(rate_at(inverse, 4, 0), 0.5);
  EXPECT_DOUBLE_EQ(rate_at(inverse, 12, 0), 0.25);

  const Stage cosine = stage_with({"decay={kind: cosine, lowest: 0.2}"});
  EXPECT_DOUBLE_EQ(rate_at(cosine, 0, 0), 1);
  EXPECT_NEAR(rate_at(cosine, 10, 0), 0.6, 1e-12);
  EXPECT_NEAR(rate_at(cosine, 19, 1), 0.2, 1e-12);
  EXPECT_NEAR(rate_at(stage_with({"decay=cosine"}), 5, 0), 0.5 * (1 + std::sqrt(0.5)), 1e-12);

  const Stage cycle = stage_with({"decay=one_cycle"});
  EXPECT_NEAR(rate_at(cycle, 0, 0), 0.04, 1e-12);
  EXPECT_NEAR(rate_at(cycle, 6, 0), 1, 1e-12);
  EXPECT_NEAR(rate_at(cycle, 19, 1), 1e-4, 1e-12);
}

TEST(Rate, RisesOverTheWarmUpAndThenCountsFromThere) {
  const Stage cosine = stage_with({"decay=cosine", "warm_up=4"});
  EXPECT_DOUBLE_EQ(rate_at(cosine, 0, 0), 0.01);
  EXPECT_DOUBLE_EQ(rate_at(cosine, 2, 0), 0.505);
  EXPECT_DOUBLE_EQ(rate_at(cosine, 4, 0), 1);
  EXPECT_NEAR(rate_at(cosine, 12, 0), 0.5, 1e-12);
  EXPECT_NEAR(rate_at(cosine, 19, 1), 0, 1e-12);
  const Stage step = stage_with({"decay={kind: step, every: 5}", "warm_up=0.5"});
  EXPECT_DOUBLE_EQ(rate_at(step, 0, 0.25), 0.505);
  EXPECT_DOUBLE_EQ(rate_at(step, 5, 0.4), 1);
  EXPECT_DOUBLE_EQ(rate_at(step, 5, 0.5), 0.1);
  EXPECT_DOUBLE_EQ(rate_at(stage_with({"decay=paper", "warm_up=2"}), 6, 0.9), 1);
  EXPECT_DOUBLE_EQ(rate_at(stage_with({"decay=paper", "warm_up=2"}), 11, 0), 0.5);
}

// The rates of the epochs after these validation results.
std::vector<double> rates_after(const Stage& stage, const std::vector<double>& results, PlateauState& plateau) {
  std::vector<double> rates;
  for (const double result : results) {
    const int epoch = plateau.epochs;
    const double before = rate_at(stage, epoch, 0, plateau);
    const bool falls = observe(stage, epoch, result, result, plateau);
    rates.push_back(rate_at(stage, epoch + 1, 0, plateau));
    EXPECT_EQ(falls, rates.back() < before);
  }
  return rates;
}

TEST(Plateau, LowersTheRateAfterEpochsWithoutABetterResult) {
  PlateauState plateau;
  const Stage stage = stage_with({"decay={kind: plateau, patience: 2, factor: 0.5, lowest: 0.2}"});
  // best 0.5; two stale epochs; a better one starts anew; equal ones are no better; a lowered rate has its patience too
  const std::vector<double> accuracies{0.5, 0.4, 0.5, 0.6, 0.6, 0.6, 0.1, 0.1, 0.1, 0.1};
  EXPECT_THAT(rates_after(stage, accuracies, plateau),
              testing::ElementsAre(1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2));
  PlateauState of_loss;
  const Stage watching = stage_with({"decay={kind: plateau, patience: 1, factor: 0.5, watch: loss}"});
  EXPECT_THAT(rates_after(watching, {3, 2, 2.5, 1.5, 1.5}, of_loss), testing::ElementsAre(1, 1, 0.5, 0.5, 0.25));
}

TEST(Plateau, GoesOnFromItsState) {
  const Stage stage = stage_with({"decay={kind: plateau, patience: 3}"});
  PlateauState whole, half;
  const auto expected = rates_after(stage, {0.5, 0.4, 0.4, 0.4, 0.4}, whole);
  rates_after(stage, {0.5, 0.4, 0.4}, half);
  PlateauState restored = nlohmann::json(half).get<PlateauState>();
  EXPECT_EQ(rates_after(stage, {0.4, 0.4}, restored), (std::vector<double>{expected[3], expected[4]}));
  EXPECT_DOUBLE_EQ(expected[3], 0.1);
}

TEST(Plateau, DoesNotCountTheWarmUp) {
  const Stage stage = stage_with({"decay={kind: plateau, patience: 2}", "warm_up=3"});
  PlateauState plateau;
  const auto rates = rates_after(stage, {0.5, 0.4, 0.4, 0.4, 0.4}, plateau);
  EXPECT_DOUBLE_EQ(rates[3], 1);
  EXPECT_DOUBLE_EQ(rates[4], 0.1);
}

TEST(Rate, RefusesWhatMakesNoSense) {
  EXPECT_THAT(refusal({"decay=falling"}), HasSubstr("constant, paper, step, exponential, inverse, plateau"));
  EXPECT_THAT(refusal({"decay=step"}), AllOf(HasSubstr("'every'"), HasSubstr("{kind: step")));
  EXPECT_THAT(refusal({"decay=exponential"}), HasSubstr("'factor'"));
  EXPECT_THAT(refusal({"decay={kind: exponential, factor: 1.5}"}), HasSubstr("'factor'"));
  EXPECT_THAT(refusal({"decay={kind: inverse, half_after: 0}"}), HasSubstr("'half_after'"));
  EXPECT_THAT(refusal({"decay={kind: cosine, every: 3}"}), AllOf(HasSubstr("'every'"), HasSubstr("is cosine")));
  EXPECT_THAT(refusal({"decay={kind: step, every: 3, watch: loss}"}), HasSubstr("is for plateau"));
  EXPECT_THAT(refusal({"decay={kind: cosine, lowest: 2}"}), HasSubstr("above the rate"));
  EXPECT_THAT(refusal({"decay={kind: plateau, patience: 5}", "patience=5"}), HasSubstr("decay.patience"));
  EXPECT_THAT(refusal({"decay=one_cycle", "warm_up=1"}), HasSubstr("a warm-up of its own"));
  EXPECT_THAT(refusal({"warm_up=20"}), HasSubstr("would never reach"));
  EXPECT_THAT(refusal({"warm_up=-1"}), HasSubstr("'warm_up'"));
}

}  // namespace
}  // namespace avsr::pipeline
