// Note [Private layout] of models/backend/cpu/cpu_backend.h: whoever writes a private tensor keeps the channels that
// padding adds at zero. And batch norm's sums, which a resume that is exact to the bit needs.
#include <gtest/gtest.h>

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "models/backend/cpu/cpu_backend.h"
#include "tests/models/backend/reference.h"

namespace avsr::backend::cpu {
namespace {

using test::Values;

class PrivateLayoutTest : public ::testing::TestWithParam<int> {
 protected:
  Tensor in_private(const Tensor& t) {
    Tensor y;
    backend_.to_private(t, y);
    return y;
  }
  Tensor dirty(const Shape& shape) {
    Tensor t;
    backend_.resize_private(t, shape);
    std::fill_n(t.data(), backend_.storage_count(t), 7.0f);
    return t;
  }
  // The magnitudes in memory beyond those of the values, as a share of these.
  double in_padding(const Tensor& t) {
    double all = 0, values = 0;
    for (int64_t i = 0; i < backend_.storage_count(t); ++i) all += std::abs(t.data()[i]);
    for (float v : backend_.values(t)) values += std::abs(v);
    return std::abs(all - values) / std::max(values, 1.0);
  }
  CpuBackend backend_{2, GetParam()};
};

TEST_P(PrivateLayoutTest, ConvolutionsKeepThePaddingZero) {
  struct Case {
    ConvSpec spec;
    Shape x;
  };
  const auto spec = [](int in, int out, std::array<int, 3> kernel, std::array<int, 3> stride,
                       std::array<int, 3> padding) {
    return ConvSpec{.in_channels = in, .out_channels = out, .kernel = kernel, .stride = stride, .padding = padding};
  };
  for (const Case& c : {Case{spec(24, 40, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {2, 7, 5, 24}},
                        Case{spec(3, 3, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {2, 7, 6, 3}},
                        Case{spec(40, 1, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}), {2, 5, 6, 40}},
                        Case{spec(24, 40, {1, 1, 1}, {1, 2, 2}, {0, 0, 0}), {3, 11, 11, 24}},
                        Case{spec(24, 44, {1, 1, 3}, {1, 1, 2}, {0, 0, 1}), {3, 1, 41, 24}},
                        Case{spec(5, 20, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}), {2, 4, 6, 6, 5}},
                        Case{spec(1, 24, {5, 7, 7}, {1, 2, 2}, {0, 3, 3}), {7, 5, 12, 12, 1}},
                        Case{spec(1, 20, {3, 3, 5}, {1, 1, 1}, {1, 1, 2}), {2, 4, 6, 9, 1}},
                        Case{spec(1, 20, {1, 1, 80}, {1, 1, 4}, {0, 0, 38}), {2, 1, 640, 1}}}) {
    const auto conv = backend_.conv(c.spec, c.x);
    const Shape w_shape{c.spec.out_channels, c.spec.kernel[0], c.spec.kernel[1], c.spec.kernel[2], c.spec.in_channels};
    const Tensor x = test::random_tensor(backend_, c.x, 1), w = test::random_tensor(backend_, w_shape, 2, 0.2f),
                 b = test::random_tensor(backend_, {c.spec.out_channels}, 3);
    Tensor y = dirty(conv->output_shape());
    conv->forward(x, w, b, y);
    EXPECT_LT(in_padding(y), 1e-6) << c.spec.in_channels << " to " << c.spec.out_channels;
  }
}

struct Normalised {
  Shape x;
  Lengths lengths;
  bool residual = false;
};

const std::vector<Normalised>& normalised() {
  static const std::vector<Normalised> kCases{{{5, 9, 8, 64}, {}, true},
                                              {{5, 4, 4, 3}, {}, true},
                                              {{5, 4, 4, 40}, {}, false},
                                              {{300, 3, 3, 32}, {}, true},
                                              {{3, 30, 30, 16}, {}, false},
                                              {{3, 1, 1300, 24}, {1300, 700, 3}, false},
                                              {{4, 1, 65, 40}, {65, 0, 64, 17}, true}};
  return kCases;
}

TEST_P(PrivateLayoutTest, BatchNormKeepsThePaddingZero) {
  for (const Normalised& c : normalised()) {
    const Shape channels{c.x.back()};
    const auto kernel =
        backend_.batch_norm({.channels = static_cast<int>(c.x.back()), .relu = true, .residual = c.residual});
    const Tensor x = in_private(test::random_tensor(backend_, c.x, 1)),
                 dy = in_private(test::random_tensor(backend_, c.x, 2)),
                 residual = c.residual ? in_private(test::random_tensor(backend_, c.x, 3)) : Tensor{},
                 gamma = test::random_tensor(backend_, channels, 4), beta = test::random_tensor(backend_, channels, 5);
    Tensor mean = backend_.zeros(channels), variance = backend_.zeros(channels), dgamma = backend_.zeros(channels),
           dbeta = backend_.zeros(channels), dresidual, saved, y = dirty(c.x), dx = dirty(c.x);
    const Lengths* lengths = c.lengths.empty() ? nullptr : &c.lengths;
    kernel->forward(x, residual, gamma, beta, mean, variance, lengths, saved, y);
    kernel->backward(x, y, dy, gamma, saved, lengths, dx, dresidual, dgamma, dbeta);
    EXPECT_LT(in_padding(y), 1e-6) << c.x.text();
    EXPECT_LT(in_padding(dx), 1e-6) << c.x.text();
  }
}

TEST_P(PrivateLayoutTest, BatchNormIsBitEqualWhateverTheNumberOfThreads) {
  for (const Normalised& c : normalised())
    for (const bool blocked : {true, false}) {
      const Shape channels{c.x.back()};
      const auto kernel =
          backend_.batch_norm({.channels = static_cast<int>(c.x.back()), .relu = true, .residual = c.residual});
      const auto input = [&](unsigned seed) {
        const Tensor t = test::random_tensor(backend_, c.x, seed);
        return blocked ? in_private(t) : t;
      };
      const Tensor x = input(1), dy = input(2), residual = c.residual ? input(3) : Tensor{},
                   gamma = test::random_tensor(backend_, channels, 4),
                   beta = test::random_tensor(backend_, channels, 5);
      const Lengths* lengths = c.lengths.empty() ? nullptr : &c.lengths;
      std::vector<Values> results[2];
      for (int i = 0; i < 2; ++i) {
        omp_set_num_threads(i == 0 ? 1 : 3);
        Tensor mean = backend_.zeros(channels), variance = backend_.zeros(channels), dgamma = backend_.zeros(channels),
               dbeta = backend_.zeros(channels), dresidual, saved, y, dx;
        kernel->forward(x, residual, gamma, beta, mean, variance, lengths, saved, y);
        kernel->backward(x, y, dy, gamma, saved, lengths, dx, dresidual, dgamma, dbeta);
        for (const Tensor* t : {&y, &dx, &dgamma, &dbeta, &mean, &variance}) results[i].push_back(backend_.values(*t));
      }
      EXPECT_EQ(results[0], results[1]) << c.x.text();
    }
}

INSTANTIATE_TEST_SUITE_P(Blocks, PrivateLayoutTest, ::testing::Values(8, 16),
                         [](const auto& tested) { return "Of" + std::to_string(tested.param); });

}  // namespace
}  // namespace avsr::backend::cpu
