// Whole networks on the device against the CPU back end: outputs, gradients and statistics.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "models/backend/cpu/cpu_backend.h"
#include "tests/models/network_fixture.h"

namespace avsr::models {
namespace {

using backend::Lengths;
using backend::Tensor;
using Values = std::vector<float>;

struct Case {
  const char* name;
  NetworkConfig config;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  const auto add = [&all](const char* name, const NetworkConfig& config) { all.push_back({name, config}); };
  add("video", narrow_config(Streams::video));
  add("video_gru", narrow_config(Streams::video, BackEnd::recurrent, backend::Cell::gru));
  add("video_temporal_conv", narrow_config(Streams::video, BackEnd::temporal_conv));
  add("audio", narrow_config(Streams::audio));
  add("audio_temporal_conv", narrow_config(Streams::audio, BackEnd::temporal_conv));
  add("audiovisual", narrow_config(Streams::audiovisual));
  NetworkConfig config = narrow_config(Streams::audio);
  config.audio.input = AudioConfig::Input::mfcc;
  add("audio_mfcc", config);
  add("hand_made", hand_made_config());
  config = narrow_config(Streams::audiovisual, BackEnd::recurrent, backend::Cell::gru);
  config.recurrent.input_dropout = 0.2f;
  config.recurrent.hidden_dropout = 0.5f;
  add("audiovisual_gru_dropout", config);
  config = narrow_config(Streams::video, BackEnd::ms_tcn);
  config.word_boundary = true;
  add("video_ms_tcn", config);
  const auto add_successor = [&](const char* name, Streams streams, backend::Activation activation) {
    config = narrow_config(streams, BackEnd::ms_tcn);
    config.video.activation = config.audio.activation = config.ms_tcn.activation = activation;
    config.video.embedding = config.audio.embedding = 0;
    add(name, config);
  };
  add_successor("video_prelu", Streams::video, backend::Activation::prelu);
  add_successor("audio_swish", Streams::audio, backend::Activation::swish);
  return all;
}

class AgainstCpu : public NetworkFixture, public ::testing::WithParamInterface<Case> {
 protected:
  // Every tensor that a training pass makes, by its name, computed by backend_.
  std::map<std::string, Values> results(const NetworkConfig& config) {
    const auto network = make_network(*backend_, config, 3);
    auto& arena = network->parameters();
    perturb(arena);
    const Inputs inputs = random_inputs(config, {25, 31, 23}, 33);
    std::map<std::string, Values> all;
    Lengths steps;
    all["inference"] = backend_->values(network->forward(inputs, Mode::inference, 1, steps));
    const Tensor logits = network->forward(inputs, Mode::training, 1, steps);
    all["training"] = backend_->values(logits);
    Values targets(3 * 4);
    for (size_t b = 0; b < 3; ++b) targets[b * 4 + b] = 1;
    Tensor losses, probabilities, dlogits;
    backend_->cross_entropy({})->run(logits, backend_->from_values({3, 4}, targets), &steps, losses, probabilities,
                                     dlogits);
    all["losses"] = backend_->values(losses);
    all["probabilities"] = backend_->values(probabilities);
    arena.zero_gradients();
    network->backward(dlogits);
    for (const layers::Parameter* p : arena.all())
      all[(p->statistic ? "statistic/" : "gradient/") + p->name] =
          backend_->values(p->statistic ? p->value : p->gradient);
    return all;
  }
};

double length_of(const Values& values) {
  double squares = 0;
  for (const float v : values) squares += static_cast<double>(v) * v;
  return std::sqrt(squares);
}

Values difference(Values a, const Values& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] -= b[i];
  return a;
}

// As vectors, not value by value: where an activation lies at a ReLU's kink, another order of sums takes another side.
TEST_P(AgainstCpu, OutputsGradientsAndStatistics) {
  const auto got = results(GetParam().config);
  backend_ = backend::cpu::make_cpu_backend(1);
  const auto expected = results(GetParam().config);
  double longest = 0;
  for (const auto& [name, values] : expected)
    if (name.starts_with("gradient/")) longest = std::max(longest, length_of(values));
  ASSERT_GT(longest, 0);
  for (const auto& [name, values] : expected) {
    const bool gradient = name.starts_with("gradient/");
    // A gradient that vanishes by construction (a bias before a batch norm) has no scale of its own.
    const double tolerance =
        gradient ? 0.02 * std::max(length_of(values), 1e-3 * longest) : 1e-4 * std::max(1.0, length_of(values));
    ASSERT_EQ(got.at(name).size(), values.size()) << name;
    EXPECT_LT(length_of(difference(got.at(name), values)), tolerance) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Narrow, AgainstCpu, ::testing::ValuesIn(cases()),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace avsr::models
