// Gradients that backward calls final, which ranks begin to add up at once.
#include <gmock/gmock.h>

#include <numeric>

#include "tests/models/network_fixture.h"

namespace avsr::models {
namespace {

struct Told {
  int64_t first, last;
  std::vector<float> values;
};

class GradientWatch : public NetworkFixture, public ::testing::WithParamInterface<std::pair<Streams, BackEnd>> {
 protected:
  // One backward of a network in which these parts train.
  void run(const std::vector<std::string>& trains) {
    network_ = make_network(*backend_, narrow_config(GetParam().first, GetParam().second), 1);
    layers::ParameterArena& arena = network_->parameters();
    arena.train_only(trains);
    backend::Lengths steps;
    const backend::Tensor logits =
        network_->forward(random_inputs(network_->config(), {29, 25}, 29), Mode::training, 1, steps);
    arena.watch_gradients([&](int64_t first, int64_t last) { told_.push_back({first, last, gradients(first, last)}); });
    const std::vector<float> slope(static_cast<size_t>(logits.shape.count()), 0.1f);
    network_->backward(backend_->from_values(logits.shape, slope));
  }
  std::vector<float> gradients(int64_t first, int64_t last) {
    const auto all = backend_->values(network_->parameters().gradients());
    return {all.begin() + first, all.begin() + last};
  }

  std::unique_ptr<Network> network_;
  std::vector<Told> told_;
};

TEST_P(GradientWatch, TellsOfEachStretchOnceAndWhenItIsFinal) {
  run({""});
  int64_t told = 0;
  for (const Told& stretch : told_) {
    EXPECT_EQ(stretch.values, gradients(stretch.first, stretch.last));
    for (const Told& other : told_)
      EXPECT_TRUE(&other == &stretch || other.last <= stretch.first || stretch.last <= other.first);
    told += stretch.last - stretch.first;
  }
  EXPECT_GT(told_.size(), 5u);  // a layer at a time, so that much is told early
  EXPECT_GT(told, network_->parameters().count() * 9 / 10);
}

TEST_P(GradientWatch, TellsOfNothingBelowWhatTrains) {
  const std::string stream = GetParam().first == Streams::video ? "video" : "audio";
  run({GetParam().first == Streams::audiovisual      ? "fusion"
       : GetParam().second == BackEnd::temporal_conv ? stream + "/temporal_conv"
                                                     : stream + "/recurrent"});
  const auto trained = network_->parameters().trainable_ranges();
  ASSERT_EQ(trained.size(), 1u);
  EXPECT_FALSE(told_.empty());
  for (const Told& stretch : told_) {
    EXPECT_GE(stretch.first, trained[0].first);
    EXPECT_LE(stretch.last, trained[0].second);
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, GradientWatch,
                         ::testing::Values(std::pair(Streams::audiovisual, BackEnd::recurrent),
                                           std::pair(Streams::audiovisual, BackEnd::none),
                                           std::pair(Streams::video, BackEnd::recurrent),
                                           std::pair(Streams::audio, BackEnd::temporal_conv)));

}  // namespace
}  // namespace avsr::models
