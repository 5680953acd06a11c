// Optimizers against PyTorch's in float64: goldens/make_optimizer_goldens.py writes the file.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "models/safetensors.h"
#include "tests/models/test_backend.h"

namespace avsr::models {
namespace {

using backend::Tensor;
using nlohmann::json;

struct State {
  Tensor value, first, second;
};

void step(backend::Backend& backend, const json& s, int64_t number, const Tensor& gradient, State& state) {
  const auto number_of = [&](const char* key) { return s.value(key, 0.f); };
  const std::string kind = s.at("kind");
  const bool decoupled = s.at("decoupled");
  const float rate = number_of("rate"), decay = number_of("weight_decay"), momentum = number_of("momentum"),
              epsilon = number_of("epsilon");
  if (kind == "adam")
    backend.adam({.rate = rate,
                  .beta1 = number_of("beta1"),
                  .beta2 = number_of("beta2"),
                  .epsilon = epsilon,
                  .weight_decay = decay,
                  .decoupled = decoupled,
                  .step = number},
                 gradient, state.first, state.second, state.value);
  else if (kind == "sgd")
    backend.sgd({.rate = rate, .momentum = momentum, .weight_decay = decay, .step = number, .decoupled = decoupled},
                gradient, state.first, state.value);
  else if (kind == "adagrad")
    backend.adagrad({.rate = rate, .epsilon = epsilon, .weight_decay = decay, .decoupled = decoupled}, gradient,
                    state.first, state.value);
  else if (kind == "rmsprop")
    backend.rmsprop({.rate = rate,
                     .smoothing = number_of("smoothing"),
                     .epsilon = epsilon,
                     .momentum = momentum,
                     .weight_decay = decay,
                     .decoupled = decoupled},
                    gradient, state.first, state.second, state.value);
  else
    FAIL() << "the file has an optimizer that this test does not know: " << kind;
}

TEST(OptimizerGoldens, EveryStepIsPyTorchs) {
  const char* elsewhere = std::getenv("AVSR_GOLDENS");  // on a machine without the sources
  const std::filesystem::path folder = elsewhere ? elsewhere : AVSR_SOURCE_DIR "/tests/models/goldens";
  const SafetensorsFile file = read_safetensors(folder / "optimizers.safetensors");
  const json cases = json::parse(file.metadata.at("cases"));
  const HostTensor &start = *file.find("start"), &gradients = *file.find("gradients");
  const int64_t steps = gradients.shape[0], count = gradients.shape[1];
  ASSERT_EQ(cases.size(), 18u);
  const auto backend = backend::test::make_test_backend();
  for (const auto& [name, settings] : cases.items()) {
    const HostTensor& expected = *file.find("values/" + name);
    State state{backend->from_values({count}, start.values), backend->zeros({count}), backend->zeros({count})};
    for (int64_t t = 0; t < steps; ++t) {
      const float* row = gradients.values.data() + t * count;
      step(*backend, settings, t + 1, backend->from_values({count}, std::span(row, static_cast<size_t>(count))), state);
      const std::vector<float> got = backend->values(state.value);
      for (int64_t i = 0; i < count; ++i)
        ASSERT_NEAR(got[static_cast<size_t>(i)], expected.values[static_cast<size_t>(t * count + i)], 2e-6)
            << settings << ", step " << t + 1 << ", element " << i;
    }
  }
}

}  // namespace
}  // namespace avsr::models
