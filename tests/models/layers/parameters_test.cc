// The arena: layout, initial values, freezing, versions.
#include "models/layers/parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/models/test_backend.h"

namespace avsr::layers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class Parameters : public ::testing::Test {
 protected:
  void SetUp() override {
    arena_.declare("video/frontend/weight", {4, 100, 100}, {Init::Kind::normal, 0.5f});
    arena_.declare("video/frontend/mean", {3}, {Init::Kind::constant, 2}, true);
    arena_.declare("video/trunk/weight", {2, 3}, {Init::Kind::uniform, 0.1f});
    arena_.declare("audio/weight", {5}, {Init::Kind::constant, 7});
    arena_.allocate(*backend_, 11);
  }
  std::unique_ptr<backend::Backend> backend_ = backend::test::make_test_backend();
  ParameterArena arena_;
};

TEST_F(Parameters, LieFlatWithoutGaps) {
  EXPECT_EQ(arena_.values().shape.count(), 40000 + 6 + 5);
  EXPECT_EQ(arena_.statistics().shape.count(), 3);
  const auto flat = backend_->values(arena_.values());
  const auto trunk = backend_->values(arena_.at("video/trunk/weight").value);
  EXPECT_EQ(trunk[0], flat[40000]);
  EXPECT_EQ(flat[40006], 7);
  EXPECT_THAT(backend_->values(arena_.statistics()), ElementsAre(2, 2, 2));
  EXPECT_EQ(arena_.count("video"), 40006);
  EXPECT_EQ(arena_.count("vid"), 0);
  EXPECT_EQ(arena_.count(), 40011);
}

TEST_F(Parameters, StartFromSeedAndNameAlone) {
  const auto values = backend_->values(arena_.at("video/frontend/weight").value);
  double sum = 0, squares = 0;
  for (float v : values) {
    sum += v;
    squares += static_cast<double>(v) * v;
  }
  EXPECT_NEAR(sum / 40000, 0, 0.01);
  EXPECT_NEAR(std::sqrt(squares / 40000), 0.5, 0.01);
  for (float v : backend_->values(arena_.at("video/trunk/weight").value)) EXPECT_LE(std::abs(v), 0.1f);
  for (const uint64_t seed : {11u, 12u}) {
    ParameterArena other;
    other.declare("elsewhere", {9}, {});
    other.declare("video/trunk/weight", {2, 3}, {Init::Kind::uniform, 0.1f});
    other.allocate(*backend_, seed);
    const bool same = backend_->values(other.at("video/trunk/weight").value) ==
                      backend_->values(arena_.at("video/trunk/weight").value);
    EXPECT_EQ(same, seed == 11);
  }
}

TEST_F(Parameters, FreezeByWholePathComponents) {
  arena_.train_only({"video/trunk"});
  EXPECT_TRUE(arena_.frozen("audio"));
  EXPECT_TRUE(arena_.frozen("video/frontend"));
  EXPECT_FALSE(arena_.frozen("video"));
  EXPECT_THAT(arena_.trainable_ranges(), ElementsAre(Pair(40000, 40006)));
  arena_.train_only({"video/trunk", "audio"});
  EXPECT_THAT(arena_.trainable_ranges(), ElementsAre(Pair(40000, 40011)));
  arena_.train_only({""});
  EXPECT_THAT(arena_.trainable_ranges(), ElementsAre(Pair(0, 40011)));
  EXPECT_THROW(arena_.train_only({"video/tru"}), std::invalid_argument);
}

TEST_F(Parameters, NameTheNearestOnes) {
  try {
    arena_.at("video/trunk/wieght");
    FAIL();
  } catch (const std::invalid_argument& e) {
    EXPECT_THAT(e.what(), HasSubstr("nearest: video/trunk/weight"));
  }
}

TEST_F(Parameters, VersionsTellWhatMayHaveChanged) {
  const uint64_t version = arena_.version(), frozen = arena_.frozen_version();
  arena_.touch_trainable();
  EXPECT_GT(arena_.version(), version);
  EXPECT_EQ(arena_.frozen_version(), frozen);
  arena_.touch();
  EXPECT_GT(arena_.frozen_version(), frozen);
}

}  // namespace
}  // namespace avsr::layers
