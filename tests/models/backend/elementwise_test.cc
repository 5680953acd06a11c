#include "tests/models/backend/gradient_check.h"
#include "tests/models/backend/private_layout.h"

namespace avsr::backend {
namespace {

using testing::random_tensor;
using ::testing::TestWithParam;

class ElementwiseTest : public TestWithParam<Shape> {
 protected:
  // A random tensor as convolutions write it (rank 4), or channels last.
  Tensor make(uint32_t seed) {
    const Tensor plain = random_tensor(backend_, GetParam(), seed);
    return GetParam().rank() < 4 ? plain : test::as_activation(backend_, plain);
  }
  std::unique_ptr<Backend> made_ = test::make_test_backend(2);
  Backend& backend_ = *made_;
};

TEST_P(ElementwiseTest, AddInEitherLayout) {
  const Tensor x = make(1);
  Tensor y = make(2);
  const auto a = backend_.values(x), b = backend_.values(y);
  backend_.add(x, y);
  const auto sum = backend_.values(y);
  for (size_t i = 0; i < a.size(); ++i) ASSERT_EQ(sum[i], a[i] + b[i]);
}

TEST_P(ElementwiseTest, CopyKeepsValuesAndLayout) {
  const Tensor x = make(4);
  Tensor y, z;
  backend_.copy(x, y);
  EXPECT_EQ(y.layout, x.layout);
  EXPECT_NE(y.buffer, x.buffer);
  EXPECT_EQ(backend_.values(y), backend_.values(x));
  backend_.to_channels_last(x, z);
  EXPECT_EQ(z.layout, Layout::kChannelsLast);
  EXPECT_EQ(backend_.values(z), backend_.values(x));
}

TEST_P(ElementwiseTest, FillWritesEveryValue) {
  Tensor x = make(5);
  backend_.fill(x, 2.5f);
  for (float value : backend_.values(x)) ASSERT_EQ(value, 2.5f);
  Tensor norm;
  backend_.norm(std::vector{x}, norm);  // channel padding is zero
  EXPECT_FLOAT_EQ(backend_.values(norm)[0], 2.5f * std::sqrt(static_cast<float>(x.shape.count())));
}

TEST_P(ElementwiseTest, ScaleMultipliesAPublicTensor) {
  Tensor x = make(6);
  if (x.layout == Layout::kPrivate) {
    EXPECT_THROW(backend_.scale(x, 2), std::invalid_argument);
    return;
  }
  const auto before = backend_.values(x);
  backend_.scale(x, -0.3f);
  const auto after = backend_.values(x);
  for (size_t i = 0; i < before.size(); ++i) ASSERT_FLOAT_EQ(after[i], -0.3f * before[i]);
}

INSTANTIATE_TEST_SUITE_P(Shapes, ElementwiseTest,
                         ::testing::Values(Shape{7}, Shape{3, 5}, Shape{2, 3, 4}, Shape{2, 3, 5, 16},
                                           Shape{2, 3, 5, 20}, Shape{4, 11, 13, 130}));

TEST(Elementwise, AddRefusesOtherShapes) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  Tensor y = backend.zeros({2, 3});
  EXPECT_THROW(backend.add(backend.zeros({3, 2}), y), std::invalid_argument);
}

TEST(Elementwise, CopyOfBytes) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  Tensor x, y;
  backend.resize(x, {5}, DType::u8);
  const std::vector<uint8_t> bytes{1, 2, 3, 254, 255};
  backend.upload(bytes.data(), x);
  backend.copy(x, y);
  std::vector<uint8_t> got(5);
  backend.download(y, got.data());
  EXPECT_EQ(got, bytes);
  EXPECT_EQ(y.dtype, DType::u8);
}

TEST(Relu, KeepsWhatIsAboveZeroAndSoDoesItsGradient) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  for (const bool map : {false, true}) {
    Tensor y = random_tensor(backend, {2, 3, 5, 12}, 1), dy = random_tensor(backend, {2, 3, 5, 12}, 2);
    if (map) {
      y = test::as_activation(backend, y);
      dy = test::as_activation(backend, dy);
    }
    const auto x = backend.values(y), gradient = backend.values(dy);
    backend.relu(y);
    backend.relu_backward(y, dy);
    const auto values = backend.values(y), masked = backend.values(dy);
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(values[i], std::max(x[i], 0.0f));
      ASSERT_EQ(masked[i], x[i] > 0 ? gradient[i] : 0.0f);
    }
  }
  Tensor y = backend.zeros({2, 3}), dy = backend.zeros({3, 2});
  EXPECT_THROW(backend.relu_backward(y, dy), std::invalid_argument);
}

TEST(Dropout, KeepsTheGivenShareScaledAndIsAFunctionOfSeedAndIndex) {
  constexpr int64_t kCount = 200000;
  const auto first = test::make_test_backend(1), second = test::make_test_backend(2);
  Backend &one = *first, &two = *second;
  for (float p : {0.0f, 0.2f, 0.5f, 0.9f}) {
    const Tensor x = testing::filled(one, {kCount}, 3);
    Tensor y, again, other, threaded;
    one.dropout(x, p, 7, y);
    one.dropout(x, p, 7, again);
    one.dropout(x, p, 8, other);
    two.dropout(x, p, 7, threaded);
    const auto values = one.values(y), others = one.values(other);
    EXPECT_EQ(values, one.values(again));
    EXPECT_EQ(values, two.values(threaded));
    double kept = 0, both = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      ASSERT_TRUE(values[i] == 0 || std::abs(values[i] * (1 - p) - 3) < 1e-5f);
      kept += values[i] != 0;
      both += values[i] != 0 && others[i] != 0;
    }
    const double share = 1 - static_cast<double>(p), deviation = std::sqrt(share * (1 - share) / kCount);
    EXPECT_NEAR(kept / kCount, share, 4 * deviation + 1e-12) << p;
    // Masks of neighbouring seeds are independent.
    EXPECT_NEAR(both / kCount, share * share, 4 * std::sqrt(share * share / kCount) * (p > 0) + 1e-12) << p;
  }
}

TEST(Dropout, NeighboursAreIndependent) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  constexpr int64_t kCount = 200000;
  Tensor y;
  backend.dropout(testing::filled(backend, {kCount}, 1), 0.5f, 123, y);
  const auto values = backend.values(y);
  for (size_t lag : {1u, 2u, 16u, 512u, 1024u}) {
    double both = 0;
    for (size_t i = 0; i + lag < values.size(); ++i) both += values[i] != 0 && values[i + lag] != 0;
    EXPECT_NEAR(both / kCount, 0.25, 0.01) << lag;
  }
  EXPECT_THROW(backend.dropout(y, 1, 0, y), std::invalid_argument);
}

TEST(Dropout, GradientIsTheSameCall) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  const Tensor x = random_tensor(backend, {64}, 1), dy = random_tensor(backend, {64}, 2);
  Tensor y, dx;
  backend.dropout(x, 0.3f, 5, y);
  backend.dropout(dy, 0.3f, 5, dx);
  const auto a = backend.values(x), b = backend.values(y), c = backend.values(dy), d = backend.values(dx);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(d[i] * a[i], b[i] * c[i], 1e-6);
}

TEST(Movement, ConcatenateAndSplitAreInverse) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  const Tensor a = random_tensor(backend, {2, 3, 4}, 1), b = random_tensor(backend, {2, 3, 2}, 2);
  Tensor y, a2, b2;
  backend.concatenate(a, b, y);
  ASSERT_EQ(y.shape, (Shape{2, 3, 6}));
  EXPECT_EQ(backend.values(y)[6 + 4], backend.values(b)[2]);  // row 1, first column of b
  backend.split(y, 4, a2, b2);
  EXPECT_EQ(backend.values(a2), backend.values(a));
  EXPECT_EQ(backend.values(b2), backend.values(b));
  EXPECT_THROW(backend.split(y, 6, a2, b2), std::invalid_argument);
  EXPECT_THROW(backend.concatenate(a, backend.zeros({3, 2, 2}), y), std::invalid_argument);
}

TEST(Movement, PadAndPackAreInverse) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  const Lengths lengths{2, 0, 3};
  const Tensor packed = backend.from_values({5, 2}, std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  Tensor padded = testing::filled(backend, {3, 3, 2}, std::numeric_limits<float>::infinity()), back;
  backend.pad(packed, lengths, 3, padded);
  EXPECT_EQ(backend.values(padded), (std::vector<float>{1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 5, 6, 7, 8, 9, 10}));
  backend.pack(padded, lengths, back);
  EXPECT_EQ(back.shape, packed.shape);
  EXPECT_EQ(backend.values(back), backend.values(packed));
  EXPECT_THROW(backend.pad(packed, {2, 0, 2}, 3, padded), std::invalid_argument);
  EXPECT_THROW(backend.pad(packed, {1, 4}, 3, padded), std::invalid_argument);
}

TEST(Movement, MaskInEveryLayout) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  const Lengths lengths{1, 3, 0};
  for (const Shape& shape : {Shape{3, 3, 20}, Shape{3, 1, 3, 20}}) {
    for (const bool as_activation : {false, true}) {
      if (as_activation && shape.rank() < 4) continue;
      const Tensor plain = random_tensor(backend, shape, 1);
      Tensor t = as_activation ? test::as_activation(backend, plain) : plain;
      auto expected = backend.values(plain);
      for (size_t b = 0; b < 3; ++b)
        for (size_t w = static_cast<size_t>(lengths[b]); w < 3; ++w)
          for (size_t c = 0; c < 20; ++c) expected[(b * 3 + w) * 20 + c] = 0;
      backend.mask(t, lengths);
      EXPECT_EQ(backend.values(t), expected) << shape.text() << (as_activation ? " as activation" : "");
    }
  }
  Tensor image = backend.zeros({3, 2, 3, 4});
  EXPECT_THROW(backend.mask(image, lengths), std::invalid_argument);
}

TEST(Movement, MeanOverTimeAndItsGradient) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  const Lengths lengths{1, 2};
  const Tensor x = backend.from_values({2, 2, 2}, std::vector<float>{1, 2, 99, 99, 3, 4, 5, 8});
  Tensor y, dx = testing::filled(backend, {2, 2, 2}, std::numeric_limits<float>::infinity());
  backend.mean_over_time(x, &lengths, y);
  EXPECT_EQ(backend.values(y), (std::vector<float>{1, 2, 4, 6}));
  backend.mean_over_time_backward(backend.from_values({2, 2}, std::vector<float>{1, 2, 3, 4}), &lengths, 2, dx);
  EXPECT_EQ(backend.values(dx), (std::vector<float>{1, 2, 0, 0, 1.5f, 2, 1.5f, 2}));
  backend.mean_over_time(x, nullptr, y);
  EXPECT_EQ(backend.values(y), (std::vector<float>{50, 50.5f, 4, 6}));
}

}  // namespace
}  // namespace avsr::backend
