#include "eval/bootstrap.h"

#include <cmath>
#include <set>
#include <stdexcept>

#include "eval/metrics.h"
#include "tests/eval/goldens.h"

namespace avsr::eval {
namespace {

using Values = std::vector<double>;
using Groups = std::vector<int>;

TEST(Bootstrap, ComesNearSciPysInterval) {
  const nlohmann::json golden = goldens().at("bootstrap");
  const Groups groups = golden.at("groups");
  const Values a = golden.at("a"), b = golden.at("b");
  const auto near = [](const std::optional<Interval>& found, const nlohmann::json& wanted) {
    ASSERT_TRUE(found);
    EXPECT_NEAR(found->low, wanted.at(0), 0.002);
    EXPECT_NEAR(found->high, wanted.at(1), 0.002);
  };
  near(bootstrap_mean(a, groups, 40000), golden.at("interval_a"));
  near(bootstrap_difference(a, b, groups, 40000), golden.at("interval_difference"));
}

TEST(Bootstrap, DrawsWholeGroups) {
  // Of two groups one is drawn twice in half of the rounds, so the ends are the groups' own means.
  const auto interval = bootstrap_mean(Values{1, 1, 0, 0, 0, 0}, Groups{-5, -5, -5, 9, 9, 9});
  ASSERT_TRUE(interval);
  EXPECT_DOUBLE_EQ(interval->low, 0);
  EXPECT_DOUBLE_EQ(interval->high, 2.0 / 3);
  // A clip counts as much in a large group as in a small one: 40 clips beside one.
  Values values(41);
  values[0] = 1;
  Groups groups(41, 1);
  groups[0] = 0;
  std::set<double> means;
  for (uint64_t seed = 1; seed <= 30; ++seed) means.insert(bootstrap_mean(values, groups, 1, seed)->low);
  EXPECT_EQ(means, (std::set<double>{0, 1.0 / 41, 1}));
}

TEST(Bootstrap, IsWiderWhereClipsOfAGroupAreAlike) {
  Values values(400);
  Groups speakers(400), clips(400);
  for (size_t i = 0; i < values.size(); ++i) {
    speakers[i] = static_cast<int>(i / 20);
    clips[i] = static_cast<int>(i);
    values[i] = speakers[i] % 2;
  }
  const auto by_speaker = bootstrap_mean(values, speakers), by_clip = bootstrap_mean(values, clips);
  ASSERT_TRUE(by_speaker && by_clip);
  // Standard errors 0.5 / sqrt(20) and 0.5 / sqrt(400).
  EXPECT_NEAR(by_speaker->high - by_speaker->low, 2 * 1.96 * 0.5 / std::sqrt(20), 0.06);
  EXPECT_NEAR(by_clip->high - by_clip->low, 2 * 1.96 * 0.5 / std::sqrt(400), 0.015);
}

TEST(Bootstrap, OfADifferenceIsPaired) {
  // Speakers differ much, the systems by exactly 0.25 with each.
  Values a, b;
  Groups speakers;
  for (int speaker = 0; speaker < 10; ++speaker)
    for (int clip = 0; clip < 4; ++clip) {
      a.push_back(speaker + (clip == 0 ? 1 : 0));
      b.push_back(speaker);
      speakers.push_back(speaker);
    }
  const auto interval = bootstrap_difference(a, b, speakers);
  ASSERT_TRUE(interval);
  EXPECT_DOUBLE_EQ(interval->low, 0.25);
  EXPECT_DOUBLE_EQ(interval->high, 0.25);
}

TEST(Bootstrap, IsFixedByItsSeed) {
  Values values(60);
  Groups groups(60);
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = std::sin(static_cast<double>(i));
    groups[i] = static_cast<int>(i % 17);
  }
  const auto once = bootstrap_mean(values, groups, 200, 3), again = bootstrap_mean(values, groups, 200, 3),
             other = bootstrap_mean(values, groups, 200, 4);
  ASSERT_TRUE(once && again && other);
  EXPECT_EQ(once->low, again->low);
  EXPECT_EQ(once->high, again->high);
  EXPECT_NE(once->low, other->low);
}

TEST(Bootstrap, GivesNoIntervalForFewerThanTwoGroups) {
  EXPECT_FALSE(bootstrap_mean({}, {}));
  EXPECT_FALSE(bootstrap_mean(Values{1, 0, 1}, Groups{4, 4, 4}));
  EXPECT_FALSE(bootstrap_difference(Values{1, 0}, Values{0, 0}, Groups{1, 1}));
}

TEST(Bootstrap, RefusesWhatDoesNotFit) {
  EXPECT_THROW(bootstrap_mean(Values{1, 0}, Groups{1}), std::invalid_argument);
  EXPECT_THROW(bootstrap_mean(Values{1, 0}, Groups{1, 2}, 0), std::invalid_argument);
  EXPECT_THROW(bootstrap_mean(Values{1, std::nan("")}, Groups{1, 2}), std::invalid_argument);
  EXPECT_THROW(bootstrap_difference(Values{1, 0}, Values{1}, Groups{1, 2}), std::invalid_argument);
}

TEST(Bootstrap, ADifferenceHasItsUsualWidthAndIsFixedByTheSeed) {
  Values a(400), b(400);
  Groups clips(400);
  for (int i = 0; i < 400; ++i) {
    a[static_cast<size_t>(i)] = i % 10 < 8;  // 80 %
    b[static_cast<size_t>(i)] = i % 10 < 5;  // 50 %, right only where a is right
    clips[static_cast<size_t>(i)] = i;
  }
  const auto interval = bootstrap_difference(a, b, clips);
  EXPECT_LT(interval->low, 0.3);
  EXPECT_GT(interval->high, 0.3);
  EXPECT_NEAR(interval->high - interval->low, 2 * 1.96 * std::sqrt(0.3 * 0.7 / 400), 0.02);
  EXPECT_EQ(bootstrap_difference(a, b, clips)->low, interval->low);
}

}  // namespace
}  // namespace avsr::eval
