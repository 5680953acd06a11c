#include "eval/significance.h"

#include <cmath>
#include <stdexcept>

#include "tests/eval/goldens.h"

namespace avsr::eval {
namespace {

TEST(McNemar, IsSciPysBinomialTest) {
  const nlohmann::json goldens_of_test = goldens().at("mcnemar");
  ASSERT_GT(goldens_of_test.size(), 10u);
  for (const nlohmann::json& golden : goldens_of_test) {
    const int64_t a = golden.at("only_a"), b = golden.at("only_b");
    const double p = golden.at("p");
    EXPECT_NEAR(mcnemar_p(a, b), p, 1e-11 * p) << a << " " << b;
  }
}

TEST(McNemar, CountsWhatOneSystemAloneHadRight) {
  const std::vector<uint8_t> a{1, 1, 1, 1, 1, 0, 0, 1}, b{0, 0, 0, 0, 1, 1, 0, 0};
  const McNemar test = mcnemar(a, b);
  EXPECT_EQ(test.only_a, 5);
  EXPECT_EQ(test.only_b, 1);
  EXPECT_DOUBLE_EQ(test.p, 2 * (1 + 6) / 64.0);
  const McNemar turned = mcnemar(b, a);
  EXPECT_EQ(turned.only_a, 1);
  EXPECT_EQ(turned.p, test.p);
}

TEST(McNemar, OfSystemsThatNeverDifferIsOne) {
  const std::vector<uint8_t> hits{1, 0, 1};
  EXPECT_EQ(mcnemar(hits, hits).p, 1);
  EXPECT_EQ(mcnemar({}, {}).p, 1);
  EXPECT_EQ(mcnemar_p(400, 400), 1);
}

TEST(McNemar, RefusesWhatDoesNotFit) {
  EXPECT_THROW(mcnemar(std::vector<uint8_t>{1}, {}), std::invalid_argument);
  EXPECT_THROW(mcnemar_p(-1, 3), std::invalid_argument);
}

TEST(Holm, StepsDown) {
  // 4 x 0.005, 3 x 0.01; 2 x 0.03 is above 0.04, which comes after it.
  const std::vector<double> adjusted = holm(std::vector<double>{0.01, 0.04, 0.03, 0.005});
  const std::vector<double> wanted{0.03, 0.06, 0.06, 0.02};
  ASSERT_EQ(adjusted.size(), 4u);
  for (size_t i = 0; i < 4; ++i) EXPECT_DOUBLE_EQ(adjusted[i], wanted[i]) << i;
}

TEST(Holm, StaysAProbability) {
  EXPECT_EQ(holm(std::vector<double>{0.9, 0.6, 0}), (std::vector<double>{1, 1, 0}));
  EXPECT_EQ(holm(std::vector<double>{0.25}), std::vector<double>{0.25});
  EXPECT_EQ(holm(std::vector<double>{0.25, 0.25}), (std::vector<double>{0.5, 0.5}));
  EXPECT_TRUE(holm({}).empty());
  for (const double odd : {-0.1, 1.1, std::nan("")})
    EXPECT_THROW(holm(std::vector<double>{0.5, odd}), std::invalid_argument) << odd;
}

}  // namespace
}  // namespace avsr::eval
