#include "tests/models/backend/gradient_check.h"

namespace avsr::backend {
namespace {

constexpr int64_t kCount = 70001;  // several blocks and a ragged end
constexpr size_t kSteps = 5;

std::vector<float> gradient_of(size_t step) {
  return testing::random_values(kCount, static_cast<uint32_t>(100 + step), 2);
}

TEST(Adam, FollowsAlgorithmOneOfThePaper) {  // Kingma and Ba 2015; decoupled decay: Loshchilov and Hutter 2019
  for (const bool decoupled : {false, true})
    for (const float decay : {0.0f, 0.05f}) {
      const auto made = test::make_test_backend(2);
      Backend& backend = *made;
      AdamStep settings{.rate = 0.01f,
                        .beta1 = 0.8f,
                        .beta2 = 0.95f,
                        .epsilon = 1e-6f,
                        .weight_decay = decay,
                        .decoupled = decoupled,
                        .gradient_scale = 0.5f};
      Tensor value = testing::random_tensor(backend, {kCount}, 1), m = backend.zeros({kCount}),
             v = backend.zeros({kCount});
      auto theta = testing::doubles(backend, value);
      testing::Doubles first(kCount, 0.0), second(kCount, 0.0);
      for (size_t t = 1; t <= kSteps; ++t) {
        const auto g = gradient_of(t);
        settings.step = static_cast<int64_t>(t);
        backend.adam(settings, backend.from_values({kCount}, g), m, v, value);
        for (size_t i = 0; i < g.size(); ++i) {
          const double lambda = decay, alpha = settings.rate, b1 = settings.beta1, b2 = settings.beta2;
          double gradient = 0.5 * static_cast<double>(g[i]);
          if (decoupled)
            theta[i] -= alpha * lambda * theta[i];
          else
            gradient += lambda * theta[i];
          first[i] = b1 * first[i] + (1 - b1) * gradient;
          second[i] = b2 * second[i] + (1 - b2) * gradient * gradient;
          const double m_hat = first[i] / (1 - std::pow(b1, static_cast<double>(t)));
          const double v_hat = second[i] / (1 - std::pow(b2, static_cast<double>(t)));
          theta[i] -= alpha * m_hat / (std::sqrt(v_hat) + static_cast<double>(settings.epsilon));
        }
        testing::expect_near(backend.values(value), theta, 3e-6, "value");
      }
      testing::expect_near(backend.values(m), first, 1e-6, "first moment");
      testing::expect_near(backend.values(v), second, 1e-6, "second moment");
    }
}

TEST(Adam, TheFirstStepIsTheRateInTheGradientsDirection) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  Tensor value = backend.zeros({3}), m = backend.zeros({3}), v = backend.zeros({3});
  backend.adam({}, backend.from_values({3}, std::vector<float>{5, -0.01f, 0}), m, v, value);
  testing::expect_near(backend.values(value), {-3e-4, 3e-4, 0}, 1e-8, "value");
}

TEST(Sgd, WithMomentumAsPyTorch) {
  for (const float mu : {0.9f, 0.0f}) {
    const auto made = test::make_test_backend(2);
    Backend& backend = *made;
    SgdStep settings{.rate = 0.05f, .momentum = mu, .weight_decay = 0.01f, .gradient_scale = 2};
    Tensor value = testing::random_tensor(backend, {kCount}, 1), buffer;
    // What the buffer held before the first step must not matter.
    if (mu > 0) buffer = testing::filled(backend, {kCount}, std::numeric_limits<float>::quiet_NaN());
    auto theta = testing::doubles(backend, value);
    testing::Doubles velocity(kCount, 0.0);
    for (size_t t = 1; t <= kSteps; ++t) {
      const auto g = gradient_of(t);
      settings.step = static_cast<int64_t>(t);
      backend.sgd(settings, backend.from_values({kCount}, g), buffer, value);
      for (size_t i = 0; i < g.size(); ++i) {
        const double gradient = 2 * static_cast<double>(g[i]) + static_cast<double>(settings.weight_decay) * theta[i];
        velocity[i] = t == 1 ? gradient : static_cast<double>(mu) * velocity[i] + gradient;
        theta[i] -= static_cast<double>(settings.rate) * velocity[i];
      }
      testing::expect_near(backend.values(value), theta, 1e-5, "value");
    }
  }
}

// Runs kSteps steps of one optimizer beside its formula in double precision: update(g, state1, state2, value, t).
template <typename Settings, typename Update>
void follow(Settings settings,
            const std::function<void(Backend&, const Settings&, const Tensor&, Tensor&, Tensor&, Tensor&)>& step,
            const Update& update) {
  settings.gradient_scale = 0.5f;
  for (const bool decoupled : {false, true})
    for (const float decay : {0.0f, 0.05f}) {
      settings.weight_decay = decay;
      settings.decoupled = decoupled;
      const auto made = test::make_test_backend(2);
      Backend& backend = *made;
      Tensor value = testing::random_tensor(backend, {kCount}, 1), first = backend.zeros({kCount}),
             second = backend.zeros({kCount});
      auto theta = testing::doubles(backend, value);
      testing::Doubles a(kCount, 0.0), b(kCount, 0.0);
      for (size_t t = 1; t <= kSteps; ++t) {
        const auto g = gradient_of(t);
        step(backend, settings, backend.from_values({kCount}, g), first, second, value);
        for (size_t i = 0; i < g.size(); ++i) {
          double gradient = 0.5 * static_cast<double>(g[i]);
          if (decoupled)
            theta[i] -= static_cast<double>(settings.rate) * static_cast<double>(decay) * theta[i];
          else
            gradient += static_cast<double>(decay) * theta[i];
          theta[i] -= static_cast<double>(settings.rate) * update(gradient, a[i], b[i]);
        }
        testing::expect_near(backend.values(value), theta, 2e-5, "value");
      }
    }
}

TEST(Adagrad, DividesByTheRootOfAllSquaresSoFar) {
  AdagradStep settings{.rate = 0.05f, .epsilon = 1e-3f};
  follow<AdagradStep>(
      settings,
      [](Backend& backend, const AdagradStep& s, const Tensor& g, Tensor& first, Tensor&, Tensor& value) {
        backend.adagrad(s, g, first, value);
      },
      [&](double g, double& sum, double&) {
        sum += g * g;
        return g / (std::sqrt(sum) + static_cast<double>(settings.epsilon));
      });
}

TEST(RmsProp, DividesByTheRootOfTheMeanSquare) {
  for (const float mu : {0.0f, 0.9f}) {
    RmsPropStep settings{.rate = 0.02f, .smoothing = 0.9f, .epsilon = 1e-2f, .momentum = mu};
    follow<RmsPropStep>(
        settings,
        [&](Backend& backend, const RmsPropStep& s, const Tensor& g, Tensor& first, Tensor& second, Tensor& value) {
          Tensor none;
          backend.rmsprop(s, g, first, mu > 0 ? second : none, value);
        },
        [&](double g, double& square, double& momentum) {
          const double old = settings.smoothing;
          square = old * square + (1 - old) * g * g;
          momentum =
              static_cast<double>(mu) * momentum + g / (std::sqrt(square) + static_cast<double>(settings.epsilon));
          return momentum;
        });
  }
}

TEST(Sgd, DecoupledDecayLeavesTheMomentumAlone) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  Tensor value = testing::filled(backend, {2}, 1), momentum;
  const SgdStep settings{.rate = 0.5f, .momentum = 0, .weight_decay = 0.5f, .decoupled = true};
  backend.sgd(settings, backend.from_values({2}, std::vector<float>{0, 1}), momentum, value);
  testing::expect_near(backend.values(value), {0.75, 0.25}, 0, "value");
}

TEST(Norm, IsExactEnoughAndIndependentOfTheThreads) {
  const auto values = testing::random_values(kCount, 3);
  double squares = 0;
  for (float value : values) squares += static_cast<double>(value) * value;
  const auto first = test::make_test_backend(1), second = test::make_test_backend(2);
  const auto norm_of = [](Backend& backend, const std::vector<std::vector<float>>& parts) {
    std::vector<Tensor> tensors;
    for (const auto& part : parts) tensors.push_back(backend.from_values({static_cast<int64_t>(part.size())}, part));
    Tensor norm;
    backend.norm(tensors, norm);
    return backend.values(norm).at(0);
  };
  EXPECT_FLOAT_EQ(norm_of(*first, {values}), static_cast<float>(std::sqrt(squares)));
  EXPECT_EQ(norm_of(*first, {values}), norm_of(*second, {values}));
  const auto middle = values.begin() + 20001;
  EXPECT_FLOAT_EQ(norm_of(*first, {{values.begin(), middle}, {middle, values.end()}}),
                  static_cast<float>(std::sqrt(squares)));
  EXPECT_EQ(norm_of(*first, {{3, 0}, {4}}), 5);
  EXPECT_EQ(norm_of(*first, {}), 0);
  EXPECT_TRUE(std::isnan(norm_of(*first, {{1, NAN}})));
}

TEST(Optimizers, RefuseTensorsOfOtherSizes) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  Tensor value = backend.zeros({3}), m = backend.zeros({3}), v = backend.zeros({2});
  EXPECT_THROW(backend.adam({}, backend.zeros({3}), m, v, value), std::invalid_argument);
  EXPECT_THROW(backend.sgd({}, backend.zeros({4}), m, value), std::invalid_argument);
  EXPECT_THROW(backend.adagrad({}, backend.zeros({3}), v, value), std::invalid_argument);
  EXPECT_THROW(backend.rmsprop({}, backend.zeros({3}), v, m, value), std::invalid_argument);
  EXPECT_THROW(backend.rmsprop({.momentum = 0.5f}, backend.zeros({3}), m, v, value), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::backend
