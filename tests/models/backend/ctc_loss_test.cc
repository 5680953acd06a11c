// CTC on every back end against the sum over all paths of small clips.
#include <cmath>
#include <limits>
#include <tuple>

#include "decoding/ctc.h"
#include "tests/models/backend/gradient_check.h"

namespace avsr::backend {
namespace {

using testing::doubles;
using testing::Doubles;
using Texts = std::vector<std::vector<int>>;

// What a path reads as: repeats joined, then blanks (0) taken out.
std::vector<int> reading_of(const std::vector<int>& path) {
  std::vector<int> read;
  for (size_t t = 0; t < path.size(); ++t)
    if (path[t] != 0 && (t == 0 || path[t] != path[t - 1])) read.push_back(path[t]);
  return read;
}

// -ln P / max(1, labels) by going through all V^T paths.
double reference(const Doubles& logits, size_t first, int steps, int symbols, const std::vector<int>& text) {
  std::vector<int> path(static_cast<size_t>(steps), 0);
  double right = 0, all = 0;
  while (true) {
    double score = 0;
    for (size_t t = 0; t < path.size(); ++t)
      score += logits[first + t * static_cast<size_t>(symbols) + static_cast<size_t>(path[t])];
    all += std::exp(score);
    if (reading_of(path) == text) right += std::exp(score);
    size_t t = 0;
    while (t < path.size() && ++path[t] == symbols) path[t++] = 0;
    if (t == path.size()) break;
  }
  return -std::log(right / all) / static_cast<double>(std::max<size_t>(1, text.size()));
}

TEST(CtcLoss, LossesAndGradientsAreThoseOfAllPaths) {
  const auto made = test::make_test_backend(2);
  Backend& backend = *made;
  constexpr int kSteps = 5, kSymbols = 3;
  const Lengths lengths{5, 4, 3};
  const Texts texts{{1, 1}, {2, 1}, {}};
  const Tensor logits = testing::random_tensor(backend, {3, kSteps, kSymbols}, 1, 2);
  Tensor losses, dlogits = testing::filled(backend, logits.shape, std::numeric_limits<float>::infinity());
  backend.ctc_loss()->run(logits, &lengths, texts, {}, losses, dlogits);

  Doubles z = doubles(backend, logits);
  const auto run = [&] {
    Doubles found;
    for (size_t b = 0; b < texts.size(); ++b)
      found.push_back(reference(z, b * kSteps * kSymbols, lengths[b], kSymbols, texts[b]));
    return found;
  };
  testing::expect_near(backend.values(losses), run(), 1e-5, "losses");
  const auto mean_loss = [&] {
    double sum = 0;
    for (const double loss : run()) sum += loss;
    return sum / 3;
  };
  testing::expect_gradient(mean_loss, z, backend.values(dlogits), 1e-5, "dlogits");
}

TEST(CtcLoss, ATextThatDoesNotFitTeachesNothing) {
  const auto made = test::make_test_backend(1);
  Backend& backend = *made;
  const Lengths lengths{2, 2};
  const Tensor logits = testing::random_tensor(backend, {2, 4, 3}, 1, 2);
  Tensor losses, dlogits;
  backend.ctc_loss()->run(logits, &lengths, {{1, 1}, {1, 2}}, {}, losses, dlogits);
  EXPECT_EQ(backend.values(losses)[0], std::numeric_limits<float>::infinity()) << "a blank must part them";
  EXPECT_TRUE(std::isfinite(backend.values(losses)[1]));
  const std::vector<float> gradient = backend.values(dlogits);
  EXPECT_EQ(std::vector<float>(gradient.begin(), gradient.begin() + 12), std::vector<float>(12, 0.f));
  EXPECT_EQ(std::vector<float>(gradient.end() - 6, gradient.end()), std::vector<float>(6, 0.f)) << "beyond its length";
}

// Sentences as they are trained on, and one longer than a library's kernel takes: against decoding/ctc.h.
TEST(CtcLoss, OfSentencesIsTheHosts) {
  const auto made = test::make_test_backend(2);
  Backend& backend = *made;
  constexpr int kSymbols = 12;
  const std::vector<std::tuple<int, Lengths, std::vector<int>>> batches{
      {80, {75, 60, 40, 75}, {25, 20, 1, 30}},  // padded steps; lengths; labels of each text
      {620, {620, 600}, {300, 20}}};
  for (const auto& [steps, lengths, sizes] : batches) {
    Texts texts;
    for (const int size : sizes) {
      texts.emplace_back();
      for (int i = 0; i < size; ++i) texts.back().push_back(1 + (i * i / 2 + size) % (kSymbols - 1));
    }
    const auto clips = static_cast<int64_t>(texts.size());
    const Tensor logits = testing::random_tensor(backend, {clips, steps, kSymbols}, 3, 2);
    Tensor losses, dlogits = testing::filled(backend, logits.shape, std::numeric_limits<float>::infinity());
    backend.ctc_loss()->run(logits, &lengths, texts, {}, losses, dlogits);
    const std::vector<float> values = backend.values(logits);
    std::vector<float> gradient(values.size());
    Doubles wanted = decoding::ctc_loss({values, steps, kSymbols, lengths, texts}, gradient);
    Doubles wanted_gradient;
    for (size_t i = 0; i < gradient.size(); ++i) {
      const size_t clip = i / static_cast<size_t>(steps * kSymbols);
      wanted_gradient.push_back(gradient[i] / static_cast<double>(texts[clip].size() * texts.size()));
    }
    for (size_t b = 0; b < wanted.size(); ++b) wanted[b] /= static_cast<double>(texts[b].size());
    testing::expect_near(backend.values(losses), wanted, 1e-3, "losses");
    testing::expect_near(backend.values(dlogits), wanted_gradient, 1e-5, "dlogits");
  }
}

TEST(CtcLoss, RefusesWhatDoesNotFit) {
  const auto made = test::make_test_backend(1);
  Backend& backend = *made;
  const Tensor logits = testing::random_tensor(backend, {2, 4, 3}, 1, 2);
  Tensor losses, dlogits;
  const auto run = [&](const Lengths& lengths, const Texts& texts) {
    backend.ctc_loss()->run(logits, &lengths, texts, {}, losses, dlogits);
  };
  EXPECT_THROW(run({4, 5}, {{1}, {2}}), std::invalid_argument);
  EXPECT_THROW(run({4, 4}, {{1}}), std::invalid_argument);
  EXPECT_THROW(run({4, 4}, {{1}, {3}}), std::invalid_argument);
  EXPECT_THROW(run({4, 4}, {{1}, {0}}), std::invalid_argument) << "the blank is no label";
}

}  // namespace
}  // namespace avsr::backend
