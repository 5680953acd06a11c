// The outputs of layers that a training can be watched by.
#include <gmock/gmock.h>

#include <map>

#include "tests/models/network_fixture.h"

namespace avsr::models {
namespace {

using backend::Lengths;
using backend::Tensor;
using ::testing::ElementsAre;

class LayerOutputs : public NetworkFixture {
 protected:
  static std::vector<std::string> paths(const Network& network) {
    std::vector<std::string> names;
    network.visit_outputs([&](const layers::Output& output) { names.push_back(output.path); });
    return names;
  }
  std::map<std::string, std::vector<float>> values(const Network& network) {
    std::map<std::string, std::vector<float>> all;
    network.visit_outputs([&](const layers::Output& output) { all[output.path] = backend_->values(*output.values); });
    return all;
  }
};

TEST_F(LayerOutputs, StandInTheOrderOfThePassAndOutliveBackward) {
  for (const auto& [streams, back_end] :
       {std::pair{Streams::audiovisual, BackEnd::recurrent}, std::pair{Streams::audio, BackEnd::temporal_conv},
        std::pair{Streams::video, BackEnd::temporal_conv}, std::pair{Streams::video, BackEnd::ms_tcn},
        std::pair{Streams::audiovisual, BackEnd::none}}) {
    const NetworkConfig config = narrow_config(streams, back_end);
    const auto network = make_network(*backend_, config, 3);
    Lengths steps;
    const Tensor& logits = network->forward(random_inputs(config, {23, 26}, 26), Mode::training, 1, steps);
    const auto before = values(*network);
    EXPECT_GT(before.size(), 8u);
    const std::vector<float> ones(static_cast<size_t>(logits.shape.count()), 1.f);
    network->backward(backend_->from_values(logits.shape, ones));
    EXPECT_EQ(values(*network), before);
  }
}

TEST_F(LayerOutputs, NameEveryLayerOfAStream) {
  const NetworkConfig config = narrow_config(Streams::video);
  const auto network = make_network(*backend_, config, 3);
  Lengths steps;
  network->forward(random_inputs(config, {7, 9}, 9), Mode::training, 1, steps);
  EXPECT_THAT(
      paths(*network),
      ElementsAre("video/frontend/conv", "video/trunk/layer1/0/conv1", "video/trunk/layer1/0/conv2",
                  "video/trunk/layer2/0/conv1", "video/trunk/layer2/0/shortcut/conv", "video/trunk/layer2/0/conv2",
                  "video/embed/linear", "video/recurrent/layer0", "video/recurrent/layer1", "video/head"));
  network->parameters().train_only({"video/recurrent", "video/head"});
  network->forward(random_inputs(config, {7, 9}, 9), Mode::training, 1, steps);
  EXPECT_THAT(paths(*network), ElementsAre("video/recurrent/layer0", "video/recurrent/layer1", "video/head"));
}

TEST_F(LayerOutputs, TheirFirstRowsAreAView) {
  const NetworkConfig config = narrow_config(Streams::audiovisual);
  const auto network = make_network(*backend_, config, 3);
  Lengths steps;
  network->forward(random_inputs(config, {7, 9}, 9), Mode::training, 1, steps);
  network->visit_outputs([&](const layers::Output& output) {
    Tensor first = *output.values;
    first.shape[0] = 1;
    const std::vector<float> all = backend_->values(*output.values), row = backend_->values(first);
    ASSERT_EQ(row.size() * static_cast<size_t>(output.values->shape[0]), all.size()) << output.path;
    EXPECT_TRUE(std::equal(row.begin(), row.end(), all.begin())) << output.path;
  });
}

TEST_F(LayerOutputs, SayWhichStepsAreValid) {
  const NetworkConfig config = narrow_config(Streams::audio);
  const auto network = make_network(*backend_, config, 3);
  Lengths steps;
  network->forward(random_inputs(config, {7, 9}, 9), Mode::training, 1, steps);
  network->visit_outputs([&](const layers::Output& output) {
    if (output.path == "audio/embed/linear") return;  // reads packed steps: all are valid
    ASSERT_TRUE(output.lengths) << output.path;
    EXPECT_EQ(output.lengths->size(), 2u);
    const backend::Shape& shape = output.values->shape;
    EXPECT_EQ(output.lengths->at(1), shape[shape.rank() - 2]) << output.path;
    EXPECT_LT(output.lengths->at(0), output.lengths->at(1)) << output.path;
  });
}

}  // namespace
}  // namespace avsr::models
