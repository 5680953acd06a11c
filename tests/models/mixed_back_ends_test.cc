// Audiovisual networks whose two streams have back ends of two kinds.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/models/network_fixture.h"

namespace avsr::models {
namespace {

using testing::HasSubstr;

NetworkConfig mixed_config() {
  NetworkConfig c = narrow_config(Streams::audiovisual, BackEnd::ms_tcn);
  c.audio_back_end = BackEnd::recurrent;
  return c;
}

class MixedBackEnds : public NetworkFixture {};

TEST_F(MixedBackEnds, HaveTheirParametersAndFeatures) {
  const NetworkConfig config = mixed_config();
  const auto network = make_network(*backend_, config, 3);
  const layers::ParameterArena& arena = network->parameters();
  EXPECT_GT(arena.count("video/ms_tcn"), 0);
  EXPECT_GT(arena.count("audio/recurrent"), 0);
  EXPECT_EQ(arena.count("video/recurrent") + arena.count("audio/ms_tcn"), 0);
  backend::Lengths steps;
  network->forward(random_inputs(config, {4, 5}, 5), Mode::inference, 0, steps);
  EXPECT_EQ(network->features("video/ms_tcn").shape, (backend::Shape{2, 5, 3 * 8}));
  EXPECT_EQ(network->features("audio/recurrent").shape, (backend::Shape{2, 5, 2 * 8}));
}

TEST_F(MixedBackEnds, BothStreamsLearn) {
  const NetworkConfig config = mixed_config();
  const auto network = make_network(*backend_, config, 3);
  const Inputs inputs = random_inputs(config, {9, 9}, 9);
  const auto before = backend_->values(network->parameters().values());
  Trainer trainer(*backend_);
  const double first = trainer.step(*network, inputs, {0, 1});
  double last = first;
  for (int i = 0; i < 15; ++i) last = trainer.step(*network, inputs, {0, 1});
  EXPECT_LT(last, 0.5 * first);
  const auto after = backend_->values(network->parameters().values());
  for (const layers::Parameter* p : network->parameters().all()) {
    if (!p->name.starts_with("video/ms_tcn") && !p->name.starts_with("audio/recurrent")) continue;
    const auto at = static_cast<size_t>(p->value.offset_bytes / sizeof(float));
    const auto size = static_cast<std::ptrdiff_t>(p->value.shape.count());
    const auto start = before.begin() + static_cast<std::ptrdiff_t>(at);
    EXPECT_FALSE(std::equal(start, start + size, after.begin() + static_cast<std::ptrdiff_t>(at))) << p->name;
  }
}

TEST_F(MixedBackEnds, AreKeptInTheModelFile) {
  const nlohmann::json json = mixed_config();
  EXPECT_EQ(json.at("audio_back_end"), "recurrent");
  EXPECT_EQ(json.get<NetworkConfig>().audio_back_end, BackEnd::recurrent);
  EXPECT_FALSE(nlohmann::json(narrow_config(Streams::audiovisual)).contains("audio_back_end"));
}

TEST_F(MixedBackEnds, AreRefusedElsewhere) {
  const auto refusal = [](const NetworkConfig& config) {
    try {
      config.validate();
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  NetworkConfig config = mixed_config();
  config.streams = Streams::audio;
  EXPECT_THAT(refusal(config), HasSubstr("audio_back_end"));
  config = mixed_config();
  config.audio_back_end = BackEnd::temporal_conv;
  EXPECT_THAT(refusal(config), HasSubstr("audio_back_end"));
  config = mixed_config();
  config.back_end = BackEnd::none;
  EXPECT_THAT(refusal(config), HasSubstr("audio_back_end"));
}

}  // namespace
}  // namespace avsr::models
