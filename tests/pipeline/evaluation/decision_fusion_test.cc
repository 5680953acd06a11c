#include "pipeline/evaluation/decision_fusion.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace avsr::pipeline {
namespace {

// Two labels, four clips. The ear is sure and right in quiet, sure and wrong in noise; the eye is right, without being
// sure.
const std::vector<int> kWords{0, 1, 0, 1};
const std::vector<float> kQuiet{0.9f, 0.1f, 0.2f, 0.8f, 0.7f, 0.3f, 0.1f, 0.9f};
const std::vector<float> kNoise{0.1f, 0.9f, 0.8f, 0.2f, 0.3f, 0.7f, 0.9f, 0.1f};
const std::vector<float> kEye{0.6f, 0.4f, 0.4f, 0.6f, 0.6f, 0.4f, 0.4f, 0.6f};

TEST(DecisionFusion, ChoosesOneWeightForAllConditions) {
  FusionChoice choice(2);
  choice.add(0, {kQuiet, 2}, {kEye, 2}, kWords);
  choice.add(1, {kNoise, 2}, {kEye, 2}, kWords);
  const std::vector<FusionWay> ways = choice.ways();
  ASSERT_EQ(ways.size(), 3u);
  EXPECT_FALSE(ways[0].rule);
  for (const FusionWay& way : {ways[1], ways[2]}) {
    EXPECT_GT(way.weight, 0.0);   // of the weights that are always right the one nearest to a half
    EXPECT_LT(way.weight, 0.21);  // 0.1 w + 0.6 (1 - w) > 0.9 w + 0.4 (1 - w) up to w = 1/5
    const std::vector<float> joint = way.join({kNoise, 2}, {kEye, 2});
    EXPECT_EQ(eval::answers_of({joint, 2}), kWords);
  }
  const nlohmann::json rules = choice.describe({"clean", "noise"});
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_EQ(rules[0].at("rule"), "sum");
  EXPECT_EQ(rules[0].at("curve").size(), 37u);
  EXPECT_DOUBLE_EQ(rules[0]["curve"][36].at("accuracy").get<double>(), 0.5);  // the ear alone
  EXPECT_EQ(rules[0].at("by_condition")[0].at("audio_weight"), 0.5);          // in quiet all weights are right
}

TEST(DecisionFusion, TheMoreConfidentOneHasTheVote) {
  const FusionWay vote{"vote", std::nullopt, 0.5};
  EXPECT_EQ(vote.join({kNoise, 2}, {kEye, 2}), kNoise);
  EXPECT_EQ(vote.join({kEye, 2}, {kNoise, 2}), kNoise);
  EXPECT_EQ(vote.join({kEye, 2}, {kEye, 2}), kEye);
}

TEST(DecisionFusion, WantsClipsToChooseOn) { EXPECT_THROW(FusionChoice(1).ways(), std::logic_error); }

}  // namespace
}  // namespace avsr::pipeline
