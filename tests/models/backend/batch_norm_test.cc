#include <gtest/gtest.h>

#include <string>

#include <algorithm>

#include "tests/models/backend/private_layout.h"
#include "tests/models/backend/reference.h"
#include "tests/models/test_backend.h"

namespace avsr::backend {
namespace {

using test::Values;
using Doubles = std::vector<double>;

struct Case {
  const char* name;
  Shape x;
  bool as_activation = true, residual = false, relu = false;
  Lengths lengths;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

std::vector<Case> cases() {
  return {
      {"plain_rows", {37, 24}, false, false, false, {}},
      {"one_channel_rows", {50, 1}, false, false, true, {}},
      {"clips", {3, 7, 40}, false, false, true, {}},
      {"clips_ragged", {3, 7, 40}, false, false, true, {7, 2, 4}},
      {"image", {5, 9, 8, 64}, true, false, true, {}},
      {"image_residual", {5, 9, 8, 64}, true, true, true, {}},
      {"image_channels_last", {5, 9, 8, 24}, false, true, true, {}},
      {"image_channels_3", {5, 4, 4, 3}, true, true, true, {}},
      {"image_linear", {5, 4, 4, 40}, true, true, false, {}},
      {"image_large", {3, 30, 30, 16}, true, false, true, {}},
      {"many_small", {300, 3, 3, 32}, true, true, true, {}},
      {"sound", {2, 1, 1300, 24}, true, false, true, {}},
      {"sound_ragged", {3, 1, 1300, 24}, true, false, true, {1300, 700, 3}},
      {"sound_ragged_residual", {4, 1, 65, 40}, true, true, true, {65, 0, 64, 17}},
      {"sound_ragged_channels_last", {4, 1, 65, 17}, false, true, true, {65, 1, 64, 17}},
  };
}

std::string name_of(const ::testing::TestParamInfo<Case>& test) { return test.param.name; }

// Batch norm from its definition in double precision, and its gradient by the chain rule.
struct Reference {
  const Case& c;
  int64_t channels, steps;
  Doubles mean, variance;
  double count = 0;

  explicit Reference(const Case& test_case) : c(test_case), channels(c.x.back()) {
    steps = c.x.count() / (c.x[0] * channels);
  }
  bool valid(size_t i) const {
    if (c.lengths.empty()) return true;
    const int64_t position = static_cast<int64_t>(i) / channels;
    return position % steps < c.lengths[static_cast<size_t>(position / steps)];
  }
  void measure(const Values& x) {
    mean.assign(static_cast<size_t>(channels), 0.0);
    variance = mean;
    count = 0;
    for (size_t i = 0; i < x.size(); ++i)
      if (valid(i)) mean[i % mean.size()] += x[i], count += 1;
    count /= static_cast<double>(channels);
    for (double& m : mean) m /= count;
    for (size_t i = 0; i < x.size(); ++i)
      if (valid(i)) variance[i % mean.size()] += std::pow(x[i] - mean[i % mean.size()], 2) / count;
  }
  Doubles output(const Values& x, const Values& residual, const Values& gamma, const Values& beta) const {
    Doubles y(x.size(), 0.0);
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t k = i % mean.size();
      if (!valid(i)) continue;
      y[i] = gamma[k] * (x[i] - mean[k]) / std::sqrt(variance[k] + 1e-5) + beta[k];
      if (c.residual) y[i] += residual[i];
      if (c.relu) y[i] = std::max(y[i], 0.0);
    }
    return y;
  }
  struct Gradient {
    Doubles dx, dresidual, dgamma, dbeta;
  };
  Gradient gradient(const Values& x, const Doubles& y, const Values& dy, const Values& gamma, bool fixed) const {
    Gradient g{Doubles(x.size(), 0.0), Doubles(x.size(), 0.0), Doubles(mean.size(), 0.0), Doubles(mean.size(), 0.0)};
    auto normal = [&](size_t i) {
      return (x[i] - mean[i % mean.size()]) / std::sqrt(variance[i % mean.size()] + 1e-5);
    };
    for (size_t i = 0; i < x.size(); ++i) {
      if (!valid(i) || (c.relu && y[i] <= 0)) continue;
      g.dresidual[i] = dy[i];
      g.dgamma[i % mean.size()] += dy[i] * normal(i);
      g.dbeta[i % mean.size()] += dy[i];
    }
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t k = i % mean.size();
      if (!valid(i)) continue;
      const double through_statistics = fixed ? 0 : (g.dbeta[k] + normal(i) * g.dgamma[k]) / count;
      g.dx[i] = gamma[k] / std::sqrt(variance[k] + 1e-5) * (g.dresidual[i] - through_statistics);
    }
    return g;
  }
};

class BatchNormTest : public ::testing::TestWithParam<Case> {
 protected:
  BatchNormTest() {
    const Shape channels{GetParam().x.back()};
    kernel_ = backend_.batch_norm(
        {.channels = static_cast<int>(channels[0]), .relu = GetParam().relu, .residual = GetParam().residual});
    x_values_ = test::random_values(GetParam().x.count(), 1, 2.0f);
    for (float& v : x_values_) v += 5;
    x_ = placed(backend_.from_values(GetParam().x, x_values_));
    dy_ = placed(test::random_tensor(backend_, GetParam().x, 2));
    if (GetParam().residual) residual_ = placed(test::random_tensor(backend_, GetParam().x, 3));
    gamma_ = test::random_tensor(backend_, channels, 4);
    beta_ = test::random_tensor(backend_, channels, 5);
    mean_ = test::random_tensor(backend_, channels, 6);
    variance_ = test::filled(backend_, channels, 3);
    dgamma_ = test::random_tensor(backend_, channels, 7);
    dbeta_ = test::random_tensor(backend_, channels, 8);
    dx_ = test::filled(backend_, GetParam().x, INFINITY);
    y_ = test::filled(backend_, GetParam().x, INFINITY);
    dresidual_ = test::filled(backend_, GetParam().x, INFINITY);
  }

  Tensor placed(const Tensor& t) { return GetParam().as_activation ? test::as_activation(backend_, t) : t; }
  const Lengths* lengths() const { return GetParam().lengths.empty() ? nullptr : &GetParam().lengths; }
  Values values(const Tensor& t) { return t.empty() ? Values{} : backend_.values(t); }

  void expect_gradient(const Reference::Gradient& g, const Values& dgamma_before, const Values& dbeta_before) {
    EXPECT_LT(test::worst_error(values(dx_), g.dx), tolerance_);
    if (GetParam().residual) {
      EXPECT_LT(test::worst_error(values(dresidual_), g.dresidual), tolerance_);
    }
    Doubles dgamma = g.dgamma, dbeta = g.dbeta;
    for (size_t i = 0; i < dgamma.size(); ++i) dgamma[i] += dgamma_before[i], dbeta[i] += dbeta_before[i];
    EXPECT_LT(test::worst_error(values(dgamma_), dgamma), tolerance_);
    EXPECT_LT(test::worst_error(values(dbeta_), dbeta), tolerance_);
  }

  std::unique_ptr<Backend> made_ = test::make_test_backend(2);
  Backend& backend_ = *made_;
  std::shared_ptr<BatchNorm> kernel_;
  Values x_values_;
  Tensor x_, dy_, residual_, gamma_, beta_, mean_, variance_, dgamma_, dbeta_, dx_, y_, dresidual_, saved_;
  const double tolerance_ = 2e-5;
};

TEST_P(BatchNormTest, ForwardMatchesDefinition) {
  Reference r(GetParam());
  r.measure(x_values_);
  const Values mean_before = values(mean_), variance_before = values(variance_);
  Doubles mean(r.mean), variance(r.variance);
  for (size_t i = 0; i < mean.size(); ++i) {
    mean[i] = 0.9 * mean_before[i] + 0.1 * r.mean[i];
    variance[i] = 0.9 * variance_before[i] + 0.1 * r.variance[i] * r.count / (r.count - 1);
  }
  kernel_->forward(x_, residual_, gamma_, beta_, mean_, variance_, lengths(), saved_, y_);
  EXPECT_LT(test::worst_error(values(y_), r.output(x_values_, values(residual_), values(gamma_), values(beta_))),
            tolerance_);
  EXPECT_LT(test::worst_error(values(mean_), mean), tolerance_);
  EXPECT_LT(test::worst_error(values(variance_), variance), tolerance_);
}

TEST_P(BatchNormTest, BackwardMatchesChainRule) {
  Reference r(GetParam());
  r.measure(x_values_);
  const Values dgamma_before = values(dgamma_), dbeta_before = values(dbeta_);
  const Doubles y = r.output(x_values_, values(residual_), values(gamma_), values(beta_));
  const auto expected = r.gradient(x_values_, y, values(dy_), values(gamma_), false);
  kernel_->forward(x_, residual_, gamma_, beta_, mean_, variance_, lengths(), saved_, y_);
  kernel_->backward(x_, y_, dy_, gamma_, saved_, lengths(), dx_, dresidual_, dgamma_, dbeta_);
  expect_gradient(expected, dgamma_before, dbeta_before);
  if (!GetParam().residual) return;
  Tensor shared = dy_;  // the residual's gradient in dy's own memory
  const Values apart = values(dx_);
  kernel_->backward(x_, y_, dy_, gamma_, saved_, lengths(), dx_, shared, dgamma_, dbeta_);
  EXPECT_EQ(values(dx_), apart);
  EXPECT_LT(test::worst_error(values(shared), expected.dresidual), tolerance_);
}

TEST_P(BatchNormTest, FixedStatisticsForwardAndBackward) {
  Reference r(GetParam());
  r.measure(x_values_);
  const Values mean = values(mean_), variance = values(variance_);
  r.mean = Doubles(mean.begin(), mean.end());
  r.variance = Doubles(variance.begin(), variance.end());
  const Doubles y = r.output(x_values_, values(residual_), values(gamma_), values(beta_));
  const auto expected = r.gradient(x_values_, y, values(dy_), values(gamma_), true);
  const Values dgamma_before = values(dgamma_), dbeta_before = values(dbeta_);
  kernel_->infer(x_, residual_, gamma_, beta_, mean_, variance_, lengths(), y_);
  EXPECT_LT(test::worst_error(values(y_), y), tolerance_);
  kernel_->backward_fixed(x_, y_, dy_, gamma_, mean_, variance_, lengths(), dx_, dresidual_, dgamma_, dbeta_);
  expect_gradient(expected, dgamma_before, dbeta_before);
  Tensor in_place = x_;
  kernel_->infer(in_place, residual_, gamma_, beta_, mean_, variance_, lengths(), in_place);
  EXPECT_EQ(values(in_place), values(y_));
}

INSTANTIATE_TEST_SUITE_P(Shapes, BatchNormTest, ::testing::ValuesIn(cases()), name_of);

TEST(BatchNormAccuracyTest, VarianceFarFromZeroMean) {
  const auto made = test::make_test_backend(2);
  Backend& backend = *made;
  Values x = test::random_values(64 * 1024, 1);
  for (float& v : x) v = v * 0.1f + 1000;
  Doubles exact(2, 0.0);
  for (float v : x) exact[0] += v / static_cast<double>(x.size());
  for (float v : x) exact[1] += std::pow(v - exact[0], 2) / static_cast<double>(x.size() - 1);
  Tensor mean = backend.zeros({1}), variance = backend.zeros({1}), saved, y;
  const Tensor one = test::filled(backend, {1}, 1), zero = backend.zeros({1});
  backend.batch_norm({.channels = 1, .momentum = 1})
      ->forward(backend.from_values({64 * 1024, 1}, x), {}, one, zero, mean, variance, nullptr, saved, y);
  EXPECT_NEAR(backend.values(mean)[0], exact[0], 1e-3);
  EXPECT_NEAR(backend.values(variance)[0] / exact[1], 1, 1e-3);
}

TEST(BatchNormErrorTest, NamesWhatDoesNotFit) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  const auto kernel = backend.batch_norm({.channels = 16});
  const Tensor p = backend.zeros({16}), x = backend.zeros({2, 4, 4, 16});
  Tensor y;
  const Lengths lengths{1, 2};
  EXPECT_THROW(kernel->infer(backend.zeros({4, 15}), {}, p, p, p, p, nullptr, y), std::invalid_argument);
  EXPECT_THROW(kernel->infer(x, {}, p, p, p, p, &lengths, y), std::invalid_argument);
  EXPECT_THROW(kernel->infer(x, x, p, p, p, p, nullptr, y), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::backend
