// Whole networks in bf16 against f32, where the device has bf16.
#include "tests/models/network_fixture.h"

namespace avsr::models {
namespace {

using backend::Lengths;
using backend::Precision;
using Values = std::vector<float>;

class Bf16Networks : public NetworkFixture {
 protected:
  struct Results {
    Values inferred, logits, gradients, statistics;
  };

  bool open(Precision precision, int threads = 1) {
    try {
      backend_ = backend::test::make_test_backend(threads, precision);
    } catch (const std::runtime_error& error) {
      if (std::string(error.what()).find("has no bf16") == std::string::npos) throw;
      return false;
    }
    return true;
  }

  // One batch through inference, forward and backward of the network with the same parameters each time.
  Results run(const NetworkConfig& config, const std::vector<std::string>& trained = {}) {
    const auto network = make_network(*backend_, config, 3);
    layers::ParameterArena& arena = network->parameters();
    perturb(arena);
    if (!trained.empty()) arena.train_only(trained);
    const Inputs inputs = random_inputs(config, {31, 25, 31, 28}, 31);
    Results r;
    Lengths steps;
    r.inferred = backend_->values(network->forward(inputs, Mode::inference, 0, steps));
    arena.zero_gradients();
    const backend::Tensor logits = network->forward(inputs, Mode::training, 1, steps);
    r.logits = backend_->values(logits);
    Values targets(4 * static_cast<size_t>(config.labels));
    for (size_t b = 0; b < 4; ++b) targets[b * static_cast<size_t>(config.labels) + b] = 1;
    backend::Tensor losses, probabilities, dlogits;
    backend_->cross_entropy({})->run(logits, backend_->from_values({4, config.labels}, targets), &steps, losses,
                                     probabilities, dlogits);
    network->backward(dlogits);
    r.gradients = backend_->values(arena.gradients());
    r.statistics = backend_->values(arena.statistics());
    return r;
  }

  // |a - b| / |b|
  static double distance(const Values& a, const Values& b) {
    double apart = 0, size = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      apart += (a[i] - b[i]) * (a[i] - b[i]);
      size += b[i] * b[i];
    }
    return a.size() == b.size() ? std::sqrt(apart / size) : INFINITY;
  }

  static std::vector<NetworkConfig> configs() {
    NetworkConfig others = narrow_config(Streams::video, BackEnd::ms_tcn);  // activations that stand alone
    others.video.activation = backend::Activation::prelu;
    others.ms_tcn.activation = backend::Activation::swish;
    others.video.embedding = 0;
    others.word_boundary = true;
    return {others,
            narrow_config(Streams::audiovisual),
            narrow_config(Streams::audiovisual, BackEnd::recurrent, backend::Cell::gru),
            narrow_config(Streams::video, BackEnd::temporal_conv),
            narrow_config(Streams::audio, BackEnd::temporal_conv),
            narrow_config(Streams::audiovisual, BackEnd::none)};
  }
};

// Rounding to 8 bits of mantissa in some twenty layers of random weights: both back ends are this far off, alike. A
// tensor of another type than it says would be off by all.
TEST_F(Bf16Networks, AreCloseToF32) {
  for (const NetworkConfig& config : configs()) {
    const bool joint = config.streams == Streams::audiovisual;  // then also with a stream frozen, which infers
    for (const std::vector<std::string>& trained : joint
                                                       ? std::vector<std::vector<std::string>>{{}, {"audio", "fusion"}}
                                                       : std::vector<std::vector<std::string>>{{}}) {
      ASSERT_TRUE(open(Precision::f32));
      const Results right = run(config, trained);
      if (!open(Precision::bf16)) GTEST_SKIP() << "this device has no bf16";
      const Results got = run(config, trained);
      EXPECT_LT(distance(got.inferred, right.inferred), 0.03);
      EXPECT_LT(distance(got.logits, right.logits), 0.1);
      // Batch norm over few values, and four clips at a temporal convolution's end, makes much of small differences.
      EXPECT_LT(distance(got.gradients, right.gradients), config.back_end == BackEnd::recurrent ? 0.2 : 0.4);
      EXPECT_LT(distance(got.statistics, right.statistics), 0.01);
      EXPECT_NE(got.inferred, right.inferred);  // it was bf16 that ran
    }
  }
}

TEST_F(Bf16Networks, ReadHandMadeFeatures) {
  ASSERT_TRUE(open(Precision::f32));
  const Results right = run(hand_made_config());
  if (!open(Precision::bf16)) GTEST_SKIP() << "this device has no bf16";
  const Results got = run(hand_made_config());
  EXPECT_LT(distance(got.inferred, right.inferred), 0.03);
  EXPECT_LT(distance(got.logits, right.logits), 0.1);
  EXPECT_LT(distance(got.gradients, right.gradients), 0.2);
  EXPECT_NE(got.inferred, right.inferred);  // it was bf16 that ran
}

TEST_F(Bf16Networks, DoNotDependOnTheNumberOfThreads) {
  std::vector<Results> results;
  for (const int threads : {1, 2, 3}) {
    if (!open(Precision::bf16, threads)) GTEST_SKIP() << "this device has no bf16";
    results.push_back(run(narrow_config(Streams::audiovisual)));
  }
  for (size_t i = 1; i < results.size(); ++i) {
    EXPECT_EQ(results[i].inferred, results[0].inferred);
    EXPECT_EQ(results[i].logits, results[0].logits);
    EXPECT_LT(distance(results[i].gradients, results[0].gradients), 1e-4);
  }
}

TEST_F(Bf16Networks, LearnABatch) {
  if (!open(Precision::bf16)) GTEST_SKIP() << "this device has no bf16";
  const NetworkConfig config = narrow_config(Streams::audiovisual);
  const auto network = make_network(*backend_, config, 3);
  const Inputs inputs = random_inputs(config, {12, 10, 12, 9}, 12);
  Trainer trainer(*backend_);
  const double first = trainer.step(*network, inputs, {0, 1, 2, 3});
  double last = first;
  for (int i = 0; i < 40; ++i) last = trainer.step(*network, inputs, {0, 1, 2, 3});
  EXPECT_LT(last, 0.1 * first);
}

}  // namespace
}  // namespace avsr::models
