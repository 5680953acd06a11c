#include "decoding/ctc.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/decoding/clips.h"

namespace avsr::decoding {
namespace {

using nlohmann::json;
using Labels = std::vector<int>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<float> logits_of(const json& units, float unit) {
  std::vector<float> logits;
  for (const int value : units) logits.push_back(static_cast<float>(value) / unit);
  return logits;
}

// Losses, and a gradient buffer that begins full of something else.
struct Result {
  std::vector<double> losses;
  std::vector<float> gradient;
};
Result run(const CtcBatch& batch) {
  Result result{{}, std::vector<float>(batch.logits.size(), kInfinity)};
  result.losses = ctc_loss(batch, result.gradient);
  return result;
}

TEST(CtcLoss, IsPyTorchs) {
  const json goldens = json::parse(std::ifstream(AVSR_SOURCE_DIR "/tests/decoding/goldens/ctc.json"));
  int clips = 0, impossible = 0;
  for (const json& golden : goldens.at("cases")) {
    const std::vector<float> logits = logits_of(golden.at("logits"), golden.at("unit"));
    const std::vector<int> lengths = golden.at("lengths");
    const std::vector<Labels> labels = golden.at("labels");
    const Result result = run({logits, golden.at("steps"), golden.at("symbols"), lengths, labels, golden.at("blank")});
    for (size_t i = 0; i < lengths.size(); ++i, ++clips) {
      const json& wanted = golden.at("losses").at(i);
      if (wanted.is_null()) {
        EXPECT_EQ(result.losses[i], kInfinity) << i;
        ++impossible;
      } else {
        EXPECT_NEAR(result.losses[i], wanted, 1e-9) << i;
      }
    }
    const std::vector<double> gradients = golden.at("gradients");
    ASSERT_EQ(gradients.size(), result.gradient.size());
    for (size_t i = 0; i < gradients.size(); ++i) EXPECT_NEAR(result.gradient[i], gradients[i], 1e-7) << i;
  }
  EXPECT_EQ(clips, 11);
  EXPECT_EQ(impossible, 2);
}

// The two clips of TensorFlow's and warp-ctc's tests, with losses and gradients as printed there (six digits); the
// blank is the last symbol.
TEST(CtcLoss, IsThatOfPublishedExamples) {
  const std::vector<float> first{0.633766f,  0.221185f, 0.0917319f, 0.0129757f,  0.0142857f,  0.0260553f,
                                 0.111121f,  0.588392f, 0.278779f,  0.0055756f,  0.00569609f, 0.010436f,
                                 0.0357786f, 0.633813f, 0.321418f,  0.00249248f, 0.00272882f, 0.0037688f,
                                 0.0663296f, 0.643849f, 0.280111f,  0.00283995f, 0.0035545f,  0.00331533f,
                                 0.458235f,  0.396634f, 0.123377f,  0.00648837f, 0.00903441f, 0.00623107f};
  const std::vector<float> second{0.30176f,  0.28562f,  0.0831517f, 0.0862751f, 0.0816851f, 0.161508f,
                                  0.24082f,  0.397533f, 0.0557226f, 0.0546814f, 0.0557528f, 0.19549f,
                                  0.230246f, 0.450868f, 0.0389607f, 0.038309f,  0.0391602f, 0.202456f,
                                  0.280884f, 0.429522f, 0.0326593f, 0.0339046f, 0.0326856f, 0.190345f,
                                  0.423286f, 0.315517f, 0.0338439f, 0.0393744f, 0.0339315f, 0.154046f};
  // Where a gradient is not the probability itself: step, symbol, value.
  struct Entry {
    size_t step, symbol;
    double value;
  };
  const std::vector<Entry> of_first{
      {0, 0, -0.366234}, {1, 1, -0.411608}, {2, 2, -0.678582}, {3, 1, -0.356151}, {4, 0, -0.541765}};
  const std::vector<Entry> of_second{
      {0, 0, -0.69824}, {1, 1, -0.602467}, {2, 5, -0.797544}, {3, 1, -0.570478}, {4, 0, -0.576714}};
  const auto compare = [](const std::vector<float>& probabilities, const Labels& labels, double loss,
                          const std::vector<Entry>& entries) {
    std::vector<float> logits, gradient(probabilities.size());
    for (const float p : probabilities) logits.push_back(std::log(p));
    EXPECT_NEAR(ctc_loss(logits, 6, labels, 5, gradient), loss, 1e-5);
    std::vector<float> wanted = probabilities;
    for (const Entry& entry : entries) wanted[entry.step * 6 + entry.symbol] = static_cast<float>(entry.value);
    for (size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(gradient[i], wanted[i], 2e-6) << i;
  };
  compare(first, {0, 1, 2, 1, 0}, 3.34211, of_first);
  compare(second, {0, 1, 1, 0}, 5.42262, of_second);
}

TEST(CtcLoss, IsTheSumOverAllPaths) {
  for (const auto& [seed, steps, symbols, blank] :
       std::vector<std::array<int, 4>>{{1, 1, 3, 0}, {2, 4, 3, 0}, {3, 5, 4, 0}, {4, 6, 3, 2}, {5, 5, 4, 1}}) {
    const OwnClip clip = made_up_clip(static_cast<unsigned>(seed), steps, symbols);
    const auto readings = all_readings(clip, blank);
    double total = 0;  // 1 but for the rounding of log-probabilities to float, which log softmax makes good
    for (const auto& [labels, reading] : readings) total += reading.probability;
    EXPECT_NEAR(total, 1, 1e-6);
    for (const auto& [labels, reading] : readings)
      EXPECT_NEAR(ctc_loss(clip.values, symbols, labels, blank), -std::log(reading.probability / total), 1e-12);
  }
}

TEST(CtcLoss, GradientIsThatOfDifferences) {
  const OwnClip clip = made_up_clip(7, 7, 5, 1);
  std::vector<float> logits = clip.values;
  for (float& logit : logits) logit = std::round(logit * 64) / 64 + 3;  // exact in float, and no log-probabilities
  for (const Labels& labels : {Labels{}, Labels{3}, Labels{1, 1}, Labels{2, 4, 4, 1}, Labels{1, 2, 1, 2, 1, 2, 1}}) {
    std::vector<float> gradient(logits.size());
    ctc_loss(logits, 5, labels, 0, gradient);
    constexpr float kStep = 1.0f / 1024;
    for (size_t i = 0; i < logits.size(); ++i) {
      std::vector<float> moved = logits;
      moved[i] = logits[i] + kStep;
      const double above = ctc_loss(moved, 5, labels, 0);
      moved[i] = logits[i] - kStep;
      EXPECT_NEAR(gradient[i], (above - ctc_loss(moved, 5, labels, 0)) / (2 * kStep), 1e-6) << i;
    }
  }
}

TEST(CtcLoss, OfARaggedBatchIsThatOfItsClips) {
  const OwnClip padded = made_up_clip(3, 4 * 8, 5);
  const std::vector<int> lengths{8, 3, 0, 5};
  const std::vector<Labels> labels{{1, 2, 3}, {4}, {}, {2, 2}};
  CtcBatch batch{padded.values, 8, 5, lengths, labels, 0};
  const Result whole = run(batch);
  EXPECT_EQ(ctc_loss(batch), whole.losses);
  for (size_t i = 0; i < lengths.size(); ++i) {
    const auto valid = static_cast<size_t>(lengths[i]) * 5;
    std::vector<float> gradient(valid);
    const double loss = ctc_loss(std::span(padded.values).subspan(i * 40, valid), 5, labels[i], 0, gradient);
    EXPECT_EQ(loss, whole.losses[i]);
    gradient.resize(40);  // zeros beyond its length
    EXPECT_EQ(gradient, std::vector<float>(whole.gradient.begin() + static_cast<std::ptrdiff_t>(i * 40),
                                           whole.gradient.begin() + static_cast<std::ptrdiff_t>(i * 40 + 40)));
  }
  EXPECT_EQ(whole.losses[2], 0);  // nothing said in no step
}

TEST(CtcLoss, OfTooFewStepsIsInfiniteWithoutGradient) {
  const OwnClip clip = made_up_clip(1, 3, 4);
  const std::vector<float> zeros(12);
  for (const Labels& labels : {Labels{1, 2, 3, 1}, Labels{1, 1, 2}, Labels{2, 2, 2}}) {
    std::vector<float> gradient(12, 5.0f);
    EXPECT_EQ(ctc_loss(clip.values, 4, labels, 0, gradient), kInfinity);
    EXPECT_EQ(gradient, zeros);
  }
  EXPECT_LT(ctc_loss(clip.values, 4, Labels{1, 2, 3}, 0), kInfinity);
  EXPECT_LT(ctc_loss(clip.values, 4, Labels{1, 1}, 0), kInfinity);
  EXPECT_EQ(ctc_loss({}, 4, Labels{1}, 0), kInfinity);
  EXPECT_EQ(ctc_loss({}, 4, Labels{}, 0), 0);
}

TEST(CtcLoss, ZeroProbabilitiesAreNoPaths) {
  const OwnClip clip = clip_of({{0.5f, 0.5f, 0}, {0.25f, 0.75f, 0}});
  std::vector<float> gradient(6);
  EXPECT_NEAR(ctc_loss(clip.values, 3, Labels{1}, 0, gradient), -std::log(1 - 0.125), 1e-7);
  EXPECT_EQ(gradient[2], 0);
  EXPECT_EQ(ctc_loss(clip.values, 3, Labels{2}, 0, gradient), kInfinity);
  EXPECT_EQ(gradient, std::vector<float>(6));
}

TEST(CtcLoss, OfFarLogitsStaysFinite) {
  std::vector<float> logits(3000 * 3);  // the blank is all but sure, and three labels are to be read
  for (size_t t = 0; t < 3000; ++t) logits[t * 3] = 1e30f;
  std::vector<float> gradient(logits.size());
  EXPECT_NEAR(ctc_loss(logits, 3, Labels{1, 2, 1}, 0, gradient), 3e30, 1e24);
  double sum = 0;
  for (const float g : gradient) {
    ASSERT_TRUE(std::isfinite(g));
    sum += g;
  }
  EXPECT_NEAR(sum, 0, 1e-3);
}

TEST(CtcLoss, OfWhatIsNoNumberIsNone) {
  std::vector<float> logits(2 * 3 * 3, 0.5f);
  const std::vector<int> lengths{3, 2};
  const std::vector<Labels> labels{{1}, {2}};
  for (const float odd : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    logits[4] = odd;
    logits[17] = odd;  // beyond the second clip's length: not read
    const Result result = run({logits, 3, 3, lengths, labels, 0});
    EXPECT_TRUE(std::isnan(result.losses[0]));
    EXPECT_TRUE(std::isfinite(result.losses[1]));
    for (size_t i = 0; i < 9; ++i) EXPECT_TRUE(std::isnan(result.gradient[i])) << i;
    for (size_t i = 9; i < 18; ++i) EXPECT_TRUE(std::isfinite(result.gradient[i])) << i;
  }
  logits.assign(18, -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(run({logits, 3, 3, lengths, labels, 0}).losses[0]));
}

TEST(CtcLoss, RefusesWhatDoesNotFit) {
  const std::vector<float> logits(12);
  std::vector<float> gradient(12);
  const std::vector<int> lengths{2, 2};
  const std::vector<Labels> labels{{1}, {2}};
  const auto refused = [&](const CtcBatch& batch, std::span<float> dlogits = {}) {
    EXPECT_THROW(ctc_loss(batch, dlogits), std::invalid_argument);
  };
  EXPECT_NO_THROW(ctc_loss({logits, 2, 3, lengths, labels, 0}, gradient));
  refused({logits, 2, 3, lengths, std::vector<Labels>{{1}}, 0});
  refused({logits, 2, 3, lengths, labels, 3});
  refused({logits, 2, 3, lengths, labels, -1});
  refused({logits, 2, 3, lengths, labels, 1});  // the first label is the blank
  refused({logits, 2, 3, std::vector<int>{3, 2}, labels, 0});
  refused({logits, 2, 3, std::vector<int>{-1, 2}, labels, 0});
  refused({logits, 2, 3, lengths, std::vector<Labels>{{3}, {1}}, 0});
  refused({logits, 2, 3, lengths, std::vector<Labels>{{-1}, {1}}, 0});
  refused({logits, 3, 3, lengths, labels, 0});
  refused({logits, -2, 3, lengths, labels, 0});
  refused({logits, 2, 1, lengths, labels, 0});
  refused({logits, 2, 3, lengths, labels, 0}, std::span(gradient).first(11));
  EXPECT_THROW(ctc_loss(logits, 5, Labels{1}, 0), std::invalid_argument);
  EXPECT_THROW(ctc_loss(logits, 3, Labels{1}, 0, std::span(gradient).first(9)), std::invalid_argument);
}

// Only the paths that read each label inside its window count.
TEST(CtcLoss, WindowsKeepLabelsAtTheirTimes) {
  const OwnClip clip = made_up_clip(7, 5, 3);
  const std::vector<Labels> labels{{1, 2}};
  const std::vector<std::vector<StepWindow>> windows{{{1, 2}, {2, 3}}};
  const std::vector<int> lengths{5};
  CtcBatch batch{clip.values, 5, 3, lengths, labels, 0, windows};
  double right = 0;
  for (int number = 0; number < 3 * 3 * 3 * 3 * 3; ++number) {
    std::vector<int> path;
    bool inside = true;
    double log_probability = 0;
    for (int t = 0, rest = number; t < 5; ++t, rest /= 3) {
      const int symbol = rest % 3;
      if (symbol > 0) inside = inside && t >= symbol && t <= symbol + 1;
      log_probability += clip.values[static_cast<size_t>(t * 3 + symbol)];
      path.push_back(symbol);
    }
    if (inside && reading_of(path, 0) == labels[0]) right += std::exp(log_probability);
  }
  std::vector<float> gradient(15);
  EXPECT_NEAR(ctc_loss(batch, gradient)[0], -std::log(right), 1e-6);
  for (size_t i = 0; i < gradient.size(); ++i) {
    std::vector<float> moved = clip.values;
    const auto loss = [&](float by) {
      moved[i] = clip.values[i] + by;
      CtcBatch other = batch;
      other.logits = moved;
      return ctc_loss(other)[0];
    };
    EXPECT_NEAR(gradient[i], (loss(1e-2f) - loss(-1e-2f)) / 2e-2, 1e-3) << i;
  }
  const std::vector<std::vector<StepWindow>> none{{{3, 4}, {0, 1}}};
  batch.windows = none;
  EXPECT_EQ(ctc_loss(batch)[0], std::numeric_limits<double>::infinity()) << "the second before the first";
  const std::vector<std::vector<StepWindow>> few{{{0, 4}}};
  batch.windows = few;
  EXPECT_THROW(ctc_loss(batch), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::decoding
