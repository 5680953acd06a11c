#include <gtest/gtest.h>

#include <string>

#include "tests/models/backend/private_layout.h"
#include "tests/models/backend/reference.h"
#include "tests/models/test_backend.h"

namespace avsr::backend {
namespace {

using test::Values;

struct Case {
  const char* name;
  PoolSpec spec;
  Shape x;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

std::vector<Case> cases() {
  constexpr auto kAverage = PoolSpec::Kind::average;
  return {
      {"video_front", {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}, {3, 11, 11, 64}},
      {"channels_24", {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}, {3, 7, 9, 24}},
      {"channels_3", {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}, {2, 6, 6, 3}},
      {"channels_1", {.kernel = {2, 2}, .stride = {2, 2}}, {2, 6, 6, 1}},
      {"global", {.kind = kAverage, .kernel = {3, 3}}, {5, 3, 3, 40}},
      {"top_left", {.kind = kAverage, .kernel = {2, 2}, .stride = {2, 2}}, {5, 3, 3, 32}},
      {"sound", {.kind = kAverage, .kernel = {1, 21}, .stride = {1, 21}, .padding = {0, 1}}, {2, 1, 104, 32}},
      {"sound_20", {.kind = kAverage, .kernel = {1, 20}, .stride = {1, 20}}, {2, 1, 115, 24}},
      {"temporal", {.kernel = {1, 2}, .stride = {1, 2}}, {3, 1, 13, 48}},
  };
}

std::string name_of(const ::testing::TestParamInfo<Case>& test) { return test.param.name; }

// Forward and backward at once, straight from the definition.
struct Reference {
  std::vector<double> y, dx;
};

Reference reference(const Case& c, const Shape& y_shape, const Values& x, const Values& dy) {
  Reference r{std::vector<double>(dy.size()), std::vector<double>(x.size(), 0.0)};
  const int64_t H = c.x[1], W = c.x[2], C = c.x[3];
  size_t out = 0;
  for (int64_t n = 0; n < c.x[0]; ++n)
    for (int64_t i = 0; i < y_shape[1]; ++i)
      for (int64_t j = 0; j < y_shape[2]; ++j)
        for (int64_t k = 0; k < C; ++k, ++out) {
          double best = -INFINITY, sum = 0;
          size_t best_at = 0;
          const int area = c.spec.kernel[0] * c.spec.kernel[1];
          for (int64_t a = 0; a < area; ++a) {
            const int64_t h = i * c.spec.stride[0] + a / c.spec.kernel[1] - c.spec.padding[0];
            const int64_t w = j * c.spec.stride[1] + a % c.spec.kernel[1] - c.spec.padding[1];
            if (h < 0 || h >= H || w < 0 || w >= W) continue;
            const auto at = static_cast<size_t>(((n * H + h) * W + w) * C + k);
            sum += x[at];
            if (x[at] > best) best = x[at], best_at = at;
            if (c.spec.kind == PoolSpec::Kind::average) r.dx[at] += dy[out] / area;
          }
          const bool max = c.spec.kind == PoolSpec::Kind::max;
          r.y[out] = max ? best : sum / area;
          if (max) r.dx[best_at] += dy[out];
        }
  return r;
}

class PoolTest : public ::testing::TestWithParam<Case> {};

TEST_P(PoolTest, ForwardAndBackwardMatchDefinition) {
  const auto made = test::make_test_backend(2);
  Backend& backend = *made;
  const auto pool = backend.pool(GetParam().spec, GetParam().x);
  const Tensor x = test::random_tensor(backend, GetParam().x, 1);
  const Tensor dy = test::random_tensor(backend, pool->output_shape(), 2);
  Tensor saved, y = test::filled(backend, pool->output_shape(), INFINITY);
  Tensor dx = test::filled(backend, GetParam().x, INFINITY);
  const Reference expected = reference(GetParam(), pool->output_shape(), backend.values(x), backend.values(dy));
  for (const Tensor& input : {x, test::as_activation(backend, x)}) {
    pool->forward(input, saved, y);
    EXPECT_EQ(y.shape, pool->output_shape());
    EXPECT_LT(test::worst_error(backend.values(y), expected.y), 1e-6);
    pool->backward(dy, saved, dx);
    EXPECT_EQ(dx.shape, GetParam().x);
    EXPECT_LT(test::worst_error(backend.values(dx), expected.dx), 1e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, PoolTest, ::testing::ValuesIn(cases()), name_of);

TEST(PoolErrorTest, NamesWhatDoesNotFit) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  EXPECT_THROW(backend.pool({.kernel = {1, 21}, .stride = {1, 21}}, {2, 1, 20, 16}), std::invalid_argument);
  const auto pool = backend.pool({.kernel = {2, 2}, .stride = {2, 2}}, {2, 4, 4, 16});
  Tensor y, saved;
  EXPECT_THROW(pool->forward(test::filled(backend, {2, 4, 5, 16}, 0), saved, y), std::invalid_argument);
  Tensor dx;
  EXPECT_THROW(pool->backward(test::filled(backend, {2, 2, 2, 16}, 0), {}, dx), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::backend
