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

TEST(SumOfSquares, IsExactEnoughAndIndependentOfTheThreads) {
  const auto values = testing::random_values(kCount, 3);
  double expected = 0;
  for (float value : values) expected += static_cast<double>(value) * value;
  const auto first = test::make_test_backend(1), second = test::make_test_backend(2);
  Backend &one = *first, &two = *second;
  const double a = one.sum_of_squares(one.from_values({kCount}, values));
  const double b = two.sum_of_squares(two.from_values({kCount}, values));
  EXPECT_NEAR(a, expected, 1e-9 * expected);
  EXPECT_EQ(a, b);
}

TEST(Optimizers, RefuseTensorsOfOtherSizes) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  Tensor value = backend.zeros({3}), m = backend.zeros({3}), v = backend.zeros({2});
  EXPECT_THROW(backend.adam({}, backend.zeros({3}), m, v, value), std::invalid_argument);
  EXPECT_THROW(backend.sgd({}, backend.zeros({4}), m, value), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::backend
