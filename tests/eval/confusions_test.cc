#include "eval/confusions.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

namespace avsr::eval {
namespace {

// Word 0: 1 of 2 right; word 1: 2 of 4; word 2: 1 of 1; word 3: 0 of 1. Word 4 is only ever an answer.
const std::vector<int> kSaid{0, 0, 1, 1, 1, 1, 2, 3}, kHeard{0, 1, 1, 1, 0, 0, 2, 4};

TEST(Confusions, TheWorstWordsComeFirst) {
  const std::vector<WordAccuracy> words = word_accuracies(kSaid, kHeard);
  ASSERT_EQ(words.size(), 4u);
  const std::vector<int> order{3, 1, 0, 2};
  for (size_t i = 0; i < order.size(); ++i) EXPECT_EQ(words[i].word, order[i]) << i;
  EXPECT_EQ(words[1].clips, 4);
  EXPECT_EQ(words[1].correct, 2);
  EXPECT_EQ(words[1].accuracy(), 0.5);
}

TEST(Confusions, TheMostFrequentComeFirst) {
  const std::vector<Confusion> found = confusions(kSaid, kHeard);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].said, 1);
  EXPECT_EQ(found[0].heard, 0);
  EXPECT_EQ(found[0].clips, 2);
  EXPECT_EQ(found[1].said, 0);
  EXPECT_EQ(found[2].heard, 4);
  EXPECT_TRUE(confusions({}, {}).empty());
}

TEST(Confusions, RefuseClipsWithoutAnswers) {
  EXPECT_THROW(confusions(kSaid, {}), std::invalid_argument);
  EXPECT_THROW(word_accuracies(kSaid, {}), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::eval
