// PReLU and Swish: values, gradients against central differences, layouts and memory.
#include "tests/models/backend/gradient_check.h"
#include "tests/models/backend/private_layout.h"

namespace avsr::backend {
namespace {

using testing::Doubles;
using testing::doubles;
using ::testing::TestWithParam;

double prelu_of(double x, double slope) { return x > 0 ? x : slope * x; }
double swish_of(double x) { return x / (1 + std::exp(-x)); }

class ActivationTest : public TestWithParam<Shape> {
 protected:
  // As convolutions write it (rank 4), or channels last.
  Tensor as_written(const Tensor& plain) {
    return GetParam().rank() < 4 ? plain : test::as_activation(backend_, plain);
  }
  // No value within reach of the kink of a PReLU.
  Tensor away_from_zero(uint32_t seed) {
    std::vector<float> values = testing::random_values(GetParam().count(), seed, 2);
    for (float& v : values) v += v > 0 ? 0.01f : -0.01f;
    return backend_.from_values(GetParam(), values);
  }
  int64_t channels() const { return GetParam().back(); }

  // The padding of a private layout must stay zero: it counts in a norm.
  void expect_padding_is_zero(const Tensor& t) {
    const Doubles values = doubles(backend_, t);
    Tensor norm;
    backend_.norm(std::vector{t}, norm);
    EXPECT_NEAR(backend_.values(norm)[0], std::sqrt(testing::dot(values, values)), 1e-3);
  }

  std::unique_ptr<Backend> made_ = test::make_test_backend(2);
  Backend& backend_ = *made_;
};

TEST_P(ActivationTest, Prelu) {
  const Tensor plain = away_from_zero(1), dy = testing::random_tensor(backend_, GetParam(), 2);
  const Tensor slope = testing::random_tensor(backend_, {channels()}, 3), x = as_written(plain);
  Tensor y, dx, dslope = testing::filled(backend_, {channels()}, 0.5f);
  backend_.prelu(x, slope, y);
  EXPECT_EQ(y.layout, x.layout);
  Doubles values = doubles(backend_, plain), slopes = doubles(backend_, slope);
  const Doubles probe = doubles(backend_, dy);
  const auto channel = [&](size_t i) { return i % static_cast<size_t>(channels()); };
  Doubles expected;
  for (size_t i = 0; i < values.size(); ++i) expected.push_back(prelu_of(values[i], slopes[channel(i)]));
  testing::expect_near(backend_.values(y), expected, 1e-6, "y");
  expect_padding_is_zero(y);

  backend_.prelu_backward(x, slope, as_written(dy), dx, dslope);
  EXPECT_EQ(dx.layout, x.layout);
  const auto loss = [&] {
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i) sum += probe[i] * prelu_of(values[i], slopes[channel(i)]);
    return sum;
  };
  testing::expect_gradient(loss, values, backend_.values(dx), 1e-4, "dx", 40);
  std::vector<float> added = backend_.values(dslope);
  for (float& g : added) g -= 0.5f;
  testing::expect_gradient(loss, slopes, added, 2e-3, "dslope", 40);
  expect_padding_is_zero(dx);
}

TEST_P(ActivationTest, Swish) {
  const Tensor plain = testing::random_tensor(backend_, GetParam(), 1, 6), x = as_written(plain);
  const Tensor dy = testing::random_tensor(backend_, GetParam(), 2);
  Tensor y, dx;
  backend_.swish(x, y);
  EXPECT_EQ(y.layout, x.layout);
  Doubles values = doubles(backend_, plain);
  Doubles expected;
  for (double v : values) expected.push_back(swish_of(v));
  testing::expect_near(backend_.values(y), expected, 3e-6, "y");
  expect_padding_is_zero(y);

  backend_.swish_backward(x, as_written(dy), dx);
  EXPECT_EQ(dx.layout, x.layout);
  const Doubles probe = doubles(backend_, dy);
  const auto loss = [&] {
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i) sum += probe[i] * swish_of(values[i]);
    return sum;
  };
  testing::expect_gradient(loss, values, backend_.values(dx), 1e-4, "dx", 40);
  expect_padding_is_zero(dx);
}

TEST_P(ActivationTest, InPlaceAndWithAGradientInTheOtherLayout) {
  const Tensor x = as_written(away_from_zero(1)), dy = testing::random_tensor(backend_, GetParam(), 2);
  const Tensor slope = testing::random_tensor(backend_, {channels()}, 3);
  Tensor y, dx, dslope = backend_.zeros({channels()}), again = backend_.zeros({channels()}), copy;
  const auto expect_same = [&](const Tensor& a, const Tensor& b) { EXPECT_EQ(backend_.values(a), backend_.values(b)); };
  backend_.prelu(x, slope, y);
  backend_.copy(x, copy);
  backend_.prelu(copy, slope, copy);
  expect_same(copy, y);
  backend_.prelu_backward(x, slope, as_written(dy), dx, dslope);
  backend_.copy(dy, copy);
  backend_.prelu_backward(x, slope, copy, copy, again);
  expect_same(copy, dx);
  expect_same(dslope, again);
  backend_.swish(x, y);
  backend_.copy(x, copy);
  backend_.swish(copy, copy);
  expect_same(copy, y);
  backend_.swish_backward(x, as_written(dy), dx);
  backend_.copy(dy, copy);
  backend_.swish_backward(x, copy, copy);
  expect_same(copy, dx);
}

TEST_P(ActivationTest, ThreadsChangeNoBit) {
  const auto other = test::make_test_backend(1);
  const std::vector<float> values = testing::random_values(GetParam().count(), 1);
  std::vector<std::vector<float>> sums;
  for (Backend* backend : {&backend_, other.get()}) {
    const Tensor x = backend->from_values(GetParam(), values), slope = testing::filled(*backend, {channels()}, 0.25f);
    Tensor dx, dslope = backend->zeros({channels()});
    backend->prelu_backward(x, slope, x, dx, dslope);
    sums.push_back(backend->values(dslope));
  }
  EXPECT_EQ(sums[0], sums[1]);
}

INSTANTIATE_TEST_SUITE_P(Shapes, ActivationTest,
                         ::testing::Values(Shape{3, 5}, Shape{700, 6}, Shape{2, 3, 4}, Shape{2, 3, 5, 16},
                                           Shape{2, 3, 5, 20}, Shape{3, 1, 600, 9}, Shape{4, 11, 13, 130}));

TEST(Activations, RefuseWhatDoesNotFit) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  const Tensor x = backend.zeros({2, 3}), other = backend.zeros({3, 2});
  Tensor y, dslope = backend.zeros({3});
  EXPECT_THROW(backend.prelu(x, backend.zeros({2}), y), std::invalid_argument);
  EXPECT_THROW(backend.prelu_backward(x, backend.zeros({3}), other, y, dslope), std::invalid_argument);
  EXPECT_THROW(backend.swish_backward(x, other, y), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::backend
