#include "tests/models/backend/gradient_check.h"

namespace avsr::backend {
namespace {

using testing::doubles;
using testing::Doubles;
using Form = CrossEntropySpec::Form;

// Losses of each clip, written from the definition with log and exp only.
Doubles reference(const CrossEntropySpec& spec, const Doubles& z, const Doubles& targets, const Lengths& lengths,
                  size_t steps, size_t classes) {
  Doubles losses;
  const auto cross = [&](const Doubles& logits, size_t b) {
    double sum = 0, loss = 0;
    for (double value : logits) sum += std::exp(value);
    for (size_t k = 0; k < classes; ++k) {
      const double q = (1 - static_cast<double>(spec.label_smoothing)) * targets[b * classes + k] +
                       static_cast<double>(spec.label_smoothing) / static_cast<double>(classes);
      loss -= q * std::log(std::exp(logits[k]) / sum);
    }
    return loss;
  };
  for (size_t b = 0; b < lengths.size(); ++b) {
    const auto valid = static_cast<size_t>(lengths[b]), middle = static_cast<size_t>(spec.middle_steps);
    const size_t count = middle ? std::min(middle, valid) : valid, first = (valid - count + 1) / 2;
    Doubles mean(classes, 0.0);
    double frames = 0;
    for (size_t t = first; t < first + count; ++t) {
      const auto at = z.begin() + static_cast<int64_t>((b * steps + t) * classes);
      const Doubles frame(at, at + static_cast<int64_t>(classes));
      frames += cross(frame, b) / static_cast<double>(count);
      for (size_t k = 0; k < classes; ++k) mean[k] += frame[k] / static_cast<double>(count);
    }
    losses.push_back(spec.form == Form::per_frame ? frames : cross(mean, b));
  }
  return losses;
}

class CrossEntropyTest : public ::testing::TestWithParam<CrossEntropySpec> {};

TEST_P(CrossEntropyTest, LossesAndGradientsFollowTheDefinition) {
  const auto made = test::make_test_backend(2);
  Backend& backend = *made;
  constexpr size_t kBatch = 3, kSteps = 4, kClasses = 5;
  const Lengths lengths{4, 1, 3};
  const Tensor logits = testing::random_tensor(backend, {kBatch, kSteps, kClasses}, 1, 3);
  // One-hot, mixed, one-hot.
  const std::vector<float> targets{0, 1, 0, 0, 0, 0.25f, 0, 0, 0.75f, 0, 0, 0, 0, 0, 1};
  Tensor losses, probabilities,
      dlogits = testing::filled(backend, logits.shape, std::numeric_limits<float>::infinity());
  backend.cross_entropy(GetParam())
      ->run(logits, backend.from_values({kBatch, kClasses}, targets), &lengths, losses, probabilities, dlogits);

  Doubles z = doubles(backend, logits);
  const auto run = [&] { return reference(GetParam(), z, doubles(targets), lengths, kSteps, kClasses); };
  testing::expect_near(backend.values(losses), run(), 1e-6, "losses");
  const auto mean_loss = [&] {
    double sum = 0;
    for (double loss : run()) sum += loss;
    return sum / kBatch;
  };
  testing::expect_gradient(mean_loss, z, backend.values(dlogits), 1e-6, "dlogits");
  const std::vector<float> p = backend.values(probabilities);
  for (size_t b = 0; b < kBatch; ++b) {
    double sum = 0;
    for (size_t k = 0; k < kClasses; ++k) sum += p[b * kClasses + k];
    EXPECT_NEAR(sum, 1, 1e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, CrossEntropyTest,
                         ::testing::Values(CrossEntropySpec{Form::mean_logits, 0}, CrossEntropySpec{Form::per_frame, 0},
                                           CrossEntropySpec{Form::mean_logits, 0.1f},
                                           CrossEntropySpec{Form::per_frame, 0.1f},
                                           CrossEntropySpec{Form::mean_logits, 0, 2},
                                           CrossEntropySpec{Form::per_frame, 0.1f, 3}));

struct Result {
  std::vector<float> losses, probabilities;
};

Result run_once(const CrossEntropySpec& spec, const Shape& shape, const std::vector<float>& logits,
                const std::vector<float>& targets) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  Tensor losses, probabilities, dlogits;
  backend.cross_entropy(spec)->run(backend.from_values(shape, logits),
                                   backend.from_values({shape[0], shape[2]}, targets), nullptr, losses, probabilities,
                                   dlogits);
  return {backend.values(losses), backend.values(probabilities)};
}

TEST(CrossEntropy, LiteratureValues) {
  // Softmax of (1, 2, 3) is (0.09003, 0.24473, 0.66524) (Goodfellow et al. 2016, and any table of it).
  const Result r = run_once({}, {1, 1, 3}, {1, 2, 3}, {0, 0, 1});
  EXPECT_NEAR(r.probabilities[0], 0.09003057, 1e-7);
  EXPECT_NEAR(r.probabilities[1], 0.24472847, 1e-7);
  EXPECT_NEAR(r.probabilities[2], 0.66524096, 1e-7);
  EXPECT_NEAR(r.losses[0], 0.40760596, 1e-6);
  // A uniform guess among 500 words costs log 500.
  std::vector<float> target(500, 0.0f);
  target[7] = 1;
  EXPECT_NEAR(run_once({}, {1, 2, 500}, std::vector<float>(1000, 4.0f), target).losses[0], std::log(500.0), 1e-5);
}

TEST(CrossEntropy, TheFormsDifferWhereFramesDisagree) {
  const std::vector<float> logits{3, 0, 0, 3}, target{1, 0};  // two frames, opposite votes
  const Result mean = run_once({Form::mean_logits, 0}, {1, 2, 2}, logits, target);
  const Result frames = run_once({Form::per_frame, 0}, {1, 2, 2}, logits, target);
  EXPECT_NEAR(mean.losses[0], std::log(2.0), 1e-6);
  EXPECT_NEAR(frames.losses[0], (std::log1p(std::exp(-3.0)) + std::log1p(std::exp(3.0))) / 2, 1e-6);
}

TEST(CrossEntropy, OnlyTheMiddleStepsCount) {
  EXPECT_EQ(counted_steps(29, 5).first, 12);  // 12 + 5 + 12
  EXPECT_EQ(counted_steps(29, 5).count, 5);
  EXPECT_EQ(counted_steps(28, 1).first, 14);
  EXPECT_EQ(counted_steps(28, 3).first, 13);
  EXPECT_EQ(counted_steps(3, 5).count, 3);  // a short clip counts whole
  EXPECT_EQ(counted_steps(7, 0).count, 7);
  const std::vector<float> logits{9, 0, 0, 3, 9, 0}, target{0, 1};
  const Result r = run_once({Form::mean_logits, 0, 1}, {1, 3, 2}, logits, target);
  EXPECT_NEAR(r.losses[0], std::log1p(std::exp(-3.0)), 1e-6);
  EXPECT_NEAR(r.probabilities[1], 1 / (1 + std::exp(-3.0)), 1e-6);
}

TEST(CrossEntropy, LargeLogitsStayFinite) {
  const Result r = run_once({}, {1, 1, 2}, {1000, -1000}, {0, 1});
  EXPECT_NEAR(r.losses[0], 2000, 1e-3);
}

TEST(CrossEntropy, RefusesAClipWithoutFramesAndWrongTargets) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  const auto kernel = backend.cross_entropy({});
  Tensor losses, p, d;
  const Lengths none{0};
  EXPECT_THROW(kernel->run(backend.zeros({1, 2, 3}), backend.zeros({1, 3}), &none, losses, p, d),
               std::invalid_argument);
  EXPECT_THROW(kernel->run(backend.zeros({1, 2, 3}), backend.zeros({1, 4}), nullptr, losses, p, d),
               std::invalid_argument);
}

}  // namespace
}  // namespace avsr::backend
