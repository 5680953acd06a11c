// Networks against PyTorch in float64: goldens/make_goldens.py writes the files.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "models/safetensors.h"
#include "tests/models/network_fixture.h"

namespace avsr::models {
namespace {

using backend::Lengths;
using backend::Tensor;

class Goldens : public NetworkFixture, public ::testing::WithParamInterface<const char*> {
 protected:
  static Lengths lengths(const HostTensor& t) { return Lengths(t.values.begin(), t.values.end()); }

  Inputs inputs(const SafetensorsFile& file) {
    Inputs in;
    if (const HostTensor* features = file.find("input/video_features")) {
      in.video = backend_->from_values(features->shape, features->values);
      in.frames = lengths(*file.find("input/frames"));
    }
    if (const HostTensor* video = file.find("input/video")) {
      const std::vector<uint8_t> pixels(video->values.begin(), video->values.end());
      backend_->resize(in.video, video->shape, backend::DType::u8);
      backend_->upload(pixels.data(), in.video);
      in.video_scale = file.find("input/video_scale")->values;
      in.video_shift = file.find("input/video_shift")->values;
      in.frames = lengths(*file.find("input/frames"));
    }
    if (const HostTensor* audio = file.find("input/audio")) {
      in.audio = backend_->from_values(audio->shape, audio->values);
      in.samples = lengths(*file.find("input/samples"));
    }
    if (const HostTensor* boundary = file.find("input/word_boundary"))
      in.word_boundary = backend_->from_values(boundary->shape, boundary->values);
    return in;
  }

  void expect_logits(const Tensor& got, const HostTensor& expected) {
    ASSERT_EQ(got.shape, expected.shape);
    const auto values = backend_->values(got);
    for (size_t i = 0; i < values.size(); ++i) ASSERT_NEAR(values[i], expected.values[i], 1e-4) << expected.name << i;
  }

  // Within `tolerance` of the tensor's largest magnitude. A gradient that vanishes by construction (a bias before a
  // batch norm) has no scale of its own: it is compared with 1e-4.
  void expect_close(const Tensor& got, const HostTensor& expected, double tolerance) {
    ASSERT_EQ(got.shape, expected.shape) << expected.name;
    double largest = 0.1;
    if (expected.name.find("gradient") == 0) {
      largest = 0;
      for (float v : expected.values) largest = std::max(largest, static_cast<double>(std::abs(v)));
      if (largest < 1e-6) largest = 0.1;
    }
    const auto values = backend_->values(got);
    for (size_t i = 0; i < values.size(); ++i)
      ASSERT_NEAR(values[i], expected.values[i], tolerance * largest) << expected.name << " " << i;
  }
};

TEST_P(Goldens, LogitsGradientsAndStatistics) {
  const char* elsewhere = std::getenv("AVSR_GOLDENS");  // on a machine without the sources
  const std::filesystem::path folder = elsewhere ? elsewhere : AVSR_SOURCE_DIR "/tests/models/goldens";
  const auto file = read_safetensors(folder / (std::string(GetParam()) + ".safetensors"));
  const auto config = nlohmann::json::parse(file.metadata.at("architecture")).get<NetworkConfig>();
  const auto network = make_network(*backend_, config, 1);
  auto& arena = network->parameters();
  size_t parameters = 0;
  for (const HostTensor& t : file.tensors) {
    if (t.name.find("param/") != 0) continue;
    layers::Parameter& p = arena.at(t.name.substr(6));
    ASSERT_EQ(p.value.shape, t.shape) << t.name;
    backend_->upload(t.values.data(), p.value);
    ++parameters;
  }
  ASSERT_EQ(parameters, arena.all().size());
  arena.touch();

  const Inputs in = inputs(file);
  Lengths steps;
  expect_logits(network->forward(in, Mode::inference, 0, steps), *file.find("logits/inference"));
  expect_logits(network->forward(in, Mode::training, 0, steps), *file.find("logits/training"));
  const HostTensor* dlogits = file.find("dlogits");
  arena.zero_gradients();
  network->backward(backend_->from_values(dlogits->shape, dlogits->values));
  for (const layers::Parameter* p : arena.all()) {
    const HostTensor* expected = file.find((p->statistic ? "statistic/" : "gradient/") + p->name);
    ASSERT_TRUE(expected) << p->name;
    expect_close(p->statistic ? p->value : p->gradient, *expected, 1e-3);
  }
}

std::string case_name(const ::testing::TestParamInfo<const char*>& tested) { return tested.param; }
INSTANTIATE_TEST_SUITE_P(Narrow, Goldens,
                         ::testing::Values("video_lstm", "video_gru_corner_pooling", "video_temporal_conv",
                                           "video_ms_tcn_boundary", "video_prelu", "audio_swish", "audio_lstm",
                                           "audio_gru_pool21", "audio_temporal_conv", "audio_mfcc_lstm",
                                           "audiovisual_lstm", "audiovisual_gru", "hand_made"),
                         case_name);

class FullSizeGoldens : public Goldens {};

// Seeded weights are made on both sides from the seed: the files hold inputs and logits only.
TEST_P(FullSizeGoldens, Logits) {
  const char* folder = std::getenv("AVSR_FULL_GOLDENS");
  if (!folder) GTEST_SKIP() << "set AVSR_FULL_GOLDENS to the folder that make_goldens.py --full wrote";
  const auto file = read_safetensors(std::filesystem::path(folder) / (std::string(GetParam()) + ".safetensors"));
  const auto config = nlohmann::json::parse(file.metadata.at("architecture")).get<NetworkConfig>();
  const auto network = make_network(*backend_, config, std::stoull(file.metadata.at("seed")));
  Lengths steps;
  expect_logits(network->forward(inputs(file), Mode::inference, 0, steps), *file.find("logits/inference"));
}
INSTANTIATE_TEST_SUITE_P(Full, FullSizeGoldens,
                         ::testing::Values("full_video_lstm", "full_video_gru", "full_audio_lstm", "full_audio_gru",
                                           "full_audiovisual_lstm", "full_audiovisual_gru"),
                         case_name);

}  // namespace
}  // namespace avsr::models
