#include "tests/models/backend/gradient_check.h"

namespace avsr::backend {
namespace {

using testing::dot;
using testing::doubles;
using testing::Doubles;

Doubles reference(const Doubles& x, const Doubles& w, const Doubles& b, size_t in, size_t out) {
  const size_t rows = x.size() / in;
  Doubles y(rows * out, 0.0);
  for (size_t r = 0; r < rows; ++r)
    for (size_t o = 0; o < out; ++o) {
      double sum = b.empty() ? 0 : b[o];
      for (size_t i = 0; i < in; ++i) sum += x[r * in + i] * w[o * in + i];
      y[r * out + o] = sum;
    }
  return y;
}

class LinearTest : public ::testing::TestWithParam<std::array<int, 3>> {  // rows, in, out
 protected:
  std::unique_ptr<Backend> made_ = test::make_test_backend(2);
  Backend& backend_ = *made_;
};

TEST_P(LinearTest, ForwardAndBackward) {
  const auto [rows, in, out] = GetParam();
  const auto kernel = backend_.linear(in, out);
  for (const bool with_bias : {true, false}) {
    const Tensor x = testing::random_tensor(backend_, {rows, in}, 1),
                 w = testing::random_tensor(backend_, {out, in}, 2);
    const Tensor b = with_bias ? testing::random_tensor(backend_, {out}, 3) : Tensor{};
    const Tensor dy = testing::random_tensor(backend_, {rows, out}, 4);
    Tensor y = testing::filled(backend_, {rows, out}, std::numeric_limits<float>::infinity());
    Tensor dx = testing::filled(backend_, {rows, in}, std::numeric_limits<float>::infinity());
    Tensor dw = testing::random_tensor(backend_, {out, in}, 5);
    Tensor db = with_bias ? testing::random_tensor(backend_, {out}, 6) : Tensor{};
    const auto dw_before = backend_.values(dw);
    const auto db_before = with_bias ? backend_.values(db) : std::vector<float>{};
    kernel->forward(x, w, b, y);
    kernel->backward(x, dy, w, true, dx, dw, db);

    Doubles dx_in = doubles(backend_, x), dw_in = doubles(backend_, w), db_in;
    if (with_bias) db_in = doubles(backend_, b);
    const auto run = [&, i = in, o = out] {
      return reference(dx_in, dw_in, db_in, static_cast<size_t>(i), static_cast<size_t>(o));
    };
    testing::expect_near(backend_.values(y), run(), 2e-5, "y");
    const Doubles weights = doubles(backend_, dy);
    const auto loss = [&] { return dot(run(), weights); };
    testing::expect_gradient(loss, dx_in, backend_.values(dx), 1e-4, "dx", 40);
    testing::expect_gradient(loss, dw_in, testing::difference(backend_.values(dw), dw_before), 1e-4, "dw", 40);
    if (with_bias)
      testing::expect_gradient(loss, db_in, testing::difference(backend_.values(db), db_before), 1e-4, "db", 40);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, LinearTest,
                         ::testing::Values(std::array{1, 1, 1}, std::array{3, 5, 7}, std::array{29, 64, 20},
                                           std::array{58, 33, 130}));

TEST(Linear, SkipsTheInputGradientWhenNotWanted) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  Tensor dx, dw = backend.zeros({2, 3}), none;
  backend.linear(3, 2)->backward(testing::random_tensor(backend, {4, 3}, 1), testing::random_tensor(backend, {4, 2}, 2),
                                 testing::random_tensor(backend, {2, 3}, 3), false, dx, dw, none);
  EXPECT_TRUE(dx.empty());
  backend.norm(std::vector{dw}, none);
  EXPECT_GT(backend.values(none)[0], 0);
}

TEST(Linear, RowsMayChangeFromCallToCallAndBeNone) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  const auto kernel = backend.linear(3, 2);
  const Tensor w = testing::random_tensor(backend, {2, 3}, 1);
  for (int64_t rows : {5, 0, 90, 1, 5}) {
    Tensor y;
    const Tensor x = testing::random_tensor(backend, {rows, 3}, 2);
    kernel->forward(x, w, {}, y);
    ASSERT_EQ(y.shape, (Shape{rows, 2}));
    testing::expect_near(backend.values(y), reference(doubles(backend, x), doubles(backend, w), {}, 3, 2), 1e-6, "y");
  }
  Tensor y;
  EXPECT_THROW(kernel->forward(backend.zeros({2, 4}), w, {}, y), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::backend
