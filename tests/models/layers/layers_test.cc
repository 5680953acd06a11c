// Gradients of every layer, and that infer is forward with fixed statistics.
#include <algorithm>
#include <numeric>

#include "models/layers/chain.h"
#include "models/layers/conv_bn.h"
#include "models/layers/dropout.h"
#include "models/layers/linear.h"
#include "models/layers/ms_tcn.h"
#include "models/layers/pool.h"
#include "models/layers/recurrent_stack.h"
#include "models/layers/residual_block.h"
#include "models/layers/steps.h"
#include "models/layers/temporal_conv.h"
#include "tests/models/layers/gradient_check.h"

namespace avsr::layers {
namespace {

using backend::Lengths;
using backend::PoolSpec;
using backend::Shape;
using backend::Tensor;

class Layers : public LayerFixture {
 protected:
  void check_layer(Layer& layer, const Shape& shape, const Lengths* lengths = nullptr) {
    arena_.allocate(*backend_, 3);
    perturb();
    Tensor x = random_tensor(shape);
    Pass pass{.scratch = &scratch_};
    Lengths out;
    if (lengths) {
      backend_->mask(x, *lengths);
      out = layer.out_lengths(*lengths);
      pass.in = lengths;
      pass.out = &out;
    }
    const auto forward = [&] {
      if (lengths) backend_->mask(x, *lengths);  // what lies beyond is not an input
      return layer.forward(x, pass);
    };
    const auto backward = [&](Tensor& dy, Tensor& dx) {
      if (lengths && dy.shape.rank() == 4) backend_->mask(dy, out);
      layer.backward(dy, true, dx);
      if (lengths) {  // beyond the lengths nothing is promised
        Tensor plain;
        backend_->to_channels_last(dx, plain);
        backend_->mask(plain, *lengths);
        dx = plain;
      }
    };
    check_gradients(x, {forward, backward});
    check_infer(layer, x, pass);
  }

  void check_infer(Layer& layer, const Tensor& x, const Pass& pass) {
    arena_.train_only({});
    const auto expected = backend_->values(layer.forward(x, pass));
    Tensor copy, y;
    backend_->copy(x, copy);
    layer.infer(copy, pass, y);
    const auto got = backend_->values(y);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 2e-4) << i;
  }
};

backend::ConvSpec conv_3x3(int in, int out, int stride) {
  return {
      .in_channels = in, .out_channels = out, .kernel = {1, 3, 3}, .stride = {1, stride, stride}, .padding = {0, 1, 1}};
}

TEST_F(Layers, ConvBnIn2D) {
  ConvBn layer(*backend_, arena_, "conv", "bn", conv_3x3(8, 12, 2), {});
  check_layer(layer, {3, 7, 9, 8});
}

TEST_F(Layers, ConvBnWithoutRelu) {
  ConvBn layer(*backend_, arena_, "conv", "bn", conv_3x3(16, 16, 1), {.activation = backend::Activation::none});
  check_layer(layer, {2, 6, 6, 16});
}

TEST_F(Layers, ConvBnIn1DRagged) {
  const backend::ConvSpec spec{
      .in_channels = 8, .out_channels = 16, .kernel = {1, 1, 3}, .stride = {1, 1, 2}, .padding = {0, 0, 1}};
  ConvBn layer(*backend_, arena_, "conv", "bn", spec, {});
  const Lengths lengths{21, 14, 9};
  check_layer(layer, {3, 1, 21, 8}, &lengths);
}

TEST_F(Layers, ConvBnIn3DOverWindows) {  // the first convolution of the video stream
  const backend::ConvSpec spec{
      .in_channels = 1, .out_channels = 8, .kernel = {5, 7, 7}, .stride = {1, 2, 2}, .padding = {0, 3, 3}};
  ConvBn layer(*backend_, arena_, "conv", "bn", spec, {});
  arena_.allocate(*backend_, 3);
  perturb();
  const Tensor x = random_tensor({3, 5, 12, 12, 1});
  const Pass pass{.scratch = &scratch_};
  check_gradients(
      x, {[&] { return layer.forward(x, pass); }, [&](Tensor& dy, Tensor& dx) { layer.backward(dy, false, dx); }},
      false);
  check_infer(layer, x, pass);
}

TEST_F(Layers, ResidualBlockWithIdentity) {
  ResidualBlock layer(*backend_, arena_, "block", {8, 8, 1, 2});
  check_layer(layer, {2, 6, 5, 8});
}

TEST_F(Layers, ResidualBlockWithProjection) {
  ResidualBlock layer(*backend_, arena_, "block", {8, 16, 2, 2});
  check_layer(layer, {3, 7, 6, 8});
}

TEST_F(Layers, ResidualBlockIn1DRagged) {
  ResidualBlock layer(*backend_, arena_, "block", {8, 12, 2, 1});
  const Lengths lengths{18, 25};
  check_layer(layer, {2, 1, 25, 8}, &lengths);
}

TEST_F(Layers, ConvBnWithSwish) {
  ConvBn layer(*backend_, arena_, "conv", "bn", conv_3x3(8, 12, 2), {.activation = backend::Activation::swish});
  check_layer(layer, {3, 7, 9, 8});
}

TEST_F(Layers, ResidualBlockWithPrelu) {  // channels that fill no block of a private layout
  ResidualBlock layer(*backend_, arena_, "block", {6, 6, 1, 2, backend::Activation::prelu});
  check_layer(layer, {2, 6, 5, 6});
  EXPECT_EQ(arena_.at("block/bn2/slope").value.shape, Shape{6});
}

TEST_F(Layers, ResidualBlockIn1DRaggedWithPrelu) {
  ResidualBlock layer(*backend_, arena_, "block", {8, 12, 2, 1, backend::Activation::prelu});
  const Lengths lengths{18, 25};
  check_layer(layer, {2, 1, 25, 8}, &lengths);
}

TEST_F(Layers, ResidualBlockIn1DRaggedWithSwish) {
  ResidualBlock layer(*backend_, arena_, "block", {8, 8, 1, 1, backend::Activation::swish});
  const Lengths lengths{18, 25};
  check_layer(layer, {2, 1, 25, 8}, &lengths);
}

TEST_F(Layers, APreluStartsAtAQuarterAndTrainsAlone) {
  ConvBn layer(*backend_, arena_, "conv", "bn", conv_3x3(8, 8, 1), {.activation = backend::Activation::prelu});
  arena_.allocate(*backend_, 3);
  EXPECT_EQ(backend_->values(arena_.at("bn/slope").value), std::vector<float>(8, 0.25f));
  arena_.train_only({"bn/slope"});
  EXPECT_FALSE(layer.frozen());
  arena_.train_only({});
  EXPECT_TRUE(layer.frozen());
}

TEST_F(Layers, ResidualBlockKeepsItsInputWhenAsked) {
  ResidualBlock layer(*backend_, arena_, "block", {8, 8, 1, 2});
  arena_.allocate(*backend_, 3);
  Tensor x = random_tensor({2, 6, 5, 8}), y;
  const auto before = backend_->values(x);
  layer.infer(x, {.keep_x = true, .scratch = &scratch_}, y);
  EXPECT_EQ(backend_->values(x), before);
}

class MsTcnLayers : public Layers, public ::testing::WithParamInterface<backend::Activation> {
 protected:
  MsTcn make(float dropout = 0) {
    return {*backend_,
            arena_,
            scratch_,
            "tcn",
            {.input = 6,
             .branch_width = 4,
             .kernels = {3, 5, 7},
             .blocks = 2,
             .dropout = dropout,
             .activation = GetParam()}};
  }
};

TEST_P(MsTcnLayers, GradientsAndInference) {
  MsTcn tcn = make(0.2f);
  arena_.allocate(*backend_, 3);
  perturb();
  EXPECT_EQ(tcn.width(), 12);
  const Lengths lengths{9, 5};
  Tensor x = random_tensor({2, 9, 6});
  backend_->mask(x, lengths);
  const MsTcn::Call call{.training = true, .want_dx = true, .step_seed = 7};
  check_gradients(x, {[&] {
                        backend_->mask(x, lengths);
                        return tcn.forward(x, &lengths, call);
                      },
                      [&](Tensor& dy, Tensor& dx) {
                        backend_->mask(dy, lengths);
                        tcn.backward(dy, dx);
                        backend_->mask(dx, lengths);
                      }});
  arena_.train_only({});  // frozen: as in inference
  const auto expected = backend_->values(tcn.forward(x, &lengths, {.training = true, .want_dx = true}));
  const auto got = backend_->values(tcn.forward(x, &lengths, {}));
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 2e-4) << i;
}

TEST_P(MsTcnLayers, StopsAtTheLowestBlockThatTrains) {
  MsTcn tcn = make();
  arena_.allocate(*backend_, 3);
  const Tensor x = random_tensor({2, 9, 6});
  const auto gradient_of = [&](const char* name, const std::vector<std::string>& trained) {
    arena_.train_only(trained);
    arena_.zero_gradients();
    Tensor dy = backend_->from_values({2, 9, 12}, std::vector<float>(216, 0.1f)), dx;
    tcn.forward(x, nullptr, {.training = true, .move_frozen_statistics = true});
    tcn.backward(dy, dx);
    return backend_->values(arena_.at(name).gradient);
  };
  const char *upper = "tcn/block1/first/2/conv/weight", *lower = "tcn/block0/first/2/conv/weight";
  const auto expected = gradient_of(upper, {"tcn"}), got = gradient_of(upper, {"tcn/block1"});
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-4) << i;
  for (const float g : gradient_of(lower, {"tcn/block1"})) ASSERT_EQ(g, 0);
}

INSTANTIATE_TEST_SUITE_P(Activations, MsTcnLayers,
                         ::testing::Values(backend::Activation::relu, backend::Activation::prelu,
                                           backend::Activation::swish));

TEST_F(Layers, MaxPool) {
  Pool layer(*backend_, "pool", {.kind = PoolSpec::Kind::max, .kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}});
  arena_.declare("unused", {1}, {});
  arena_.allocate(*backend_, 1);
  Tensor x = backend_->zeros({2, 8, 7, 8});
  // Distinct values: a difference step must not change which one is the largest.
  auto values = backend_->values(x);
  std::iota(values.begin(), values.end(), 0.0f);
  std::shuffle(values.begin(), values.end(), engine_);
  for (float& v : values) v = v * 0.02f - 5;
  backend_->upload(values.data(), x);
  const Pass pass{.scratch = &scratch_};
  const auto y = backend_->values(layer.forward(x, pass));
  const auto probe = random_values(static_cast<int64_t>(y.size()));
  Tensor dy = backend_->from_values({2, 4, 4, 8}, probe), dx;
  layer.backward(dy, true, dx);
  // Every output's gradient arrives at one input that equals it.
  const auto g = backend_->values(dx);
  EXPECT_NEAR(dot(g, values), dot(probe, y), 1e-2);
}

TEST_F(Layers, AveragePools) {
  const Pass pass{.scratch = &scratch_};
  arena_.declare("unused", {1}, {});
  arena_.allocate(*backend_, 1);
  for (const std::array<int, 2> window : {std::array{0, 0}, std::array{2, 2}}) {
    Pool layer(*backend_, "pool", {.kind = PoolSpec::Kind::average, .kernel = window, .stride = window});
    const Tensor x = random_tensor({2, 3, 3, 8});
    const auto y = backend_->values(layer.forward(x, pass));
    ASSERT_EQ(y.size(), 16u);
    const auto values = backend_->values(x);
    double expected = 0;
    const int side = window[0] == 0 ? 3 : 2;
    for (int h = 0; h < side; ++h)
      for (int w = 0; w < side; ++w) expected += values[static_cast<size_t>((h * 3 + w) * 8 + 5)] / (side * side);
    EXPECT_NEAR(y[5], expected, 1e-5);
    const auto probe = random_values(16);
    Tensor dy = backend_->from_values({2, 1, 1, 8}, probe), dx;
    layer.backward(dy, true, dx);
    EXPECT_NEAR(dot(backend_->values(dx), values), dot(probe, y), 1e-3);
  }
}

TEST_F(Layers, LinearLayer) {
  Linear layer(*backend_, arena_, "linear", 12, 7);
  check_layer(layer, {4, 3, 12});
}

TEST_F(Layers, LinearWithBatchNorm) {
  LinearBn layer(*backend_, arena_, "linear", "bn", 12, 9, true);
  check_layer(layer, {11, 12});
}

TEST_F(Layers, StepLayers) {
  const Lengths lengths{5, 3};
  Tensor x = random_tensor({2, 1, 5, 4});
  const Pass pass{.in = &lengths, .out = &lengths, .scratch = &scratch_};
  PackSteps pack(*backend_);
  const Tensor packed = pack.forward(x, pass);
  EXPECT_EQ(packed.shape, (Shape{8, 4}));
  const auto values = backend_->values(x), rows = backend_->values(packed);
  EXPECT_EQ(rows[5 * 4], values[5 * 4]);
  Tensor dy = backend_->from_values({8, 4}, rows), dx;
  pack.backward(dy, true, dx);
  EXPECT_EQ(dx.shape, x.shape);
  const auto back = backend_->values(dx);
  EXPECT_EQ(back[7 * 4 + 3], values[7 * 4 + 3]);
  EXPECT_EQ(back[8 * 4], 0);
  MeanOverTime mean(*backend_);
  const auto y = backend_->values(mean.forward(x, pass));
  EXPECT_NEAR(y[4], (values[20] + values[24] + values[28]) / 3, 1e-6);
  Tensor d_mean = backend_->from_values({2, 4}, std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8});
  mean.backward(d_mean, true, dx);
  EXPECT_NEAR(backend_->values(dx)[7 * 4], 5.0 / 3, 1e-6);
  EXPECT_EQ(backend_->values(dx)[8 * 4], 0);
}

TEST_F(Layers, TemporalConv) {
  Chain chain(*backend_, arena_, scratch_);
  add_temporal_conv(chain, *backend_, arena_, "back", 8, 5);
  arena_.allocate(*backend_, 3);
  perturb();
  Tensor x = random_tensor({6, 1, 29, 8});
  const Lengths lengths{29, 25, 23, 29, 27, 24};
  backend_->mask(x, lengths);
  check_gradients(x, {[&] {
                        backend_->mask(x, lengths);
                        return chain.forward(x, &lengths, {.want_dx = true});
                      },
                      [&](Tensor& dy, Tensor& dx) {
                        Tensor d;
                        chain.backward(dy, d);
                        backend_->to_channels_last(d, dx);
                        backend_->mask(dx, lengths);
                      }});
  EXPECT_THROW(chain.out_lengths({22}), std::invalid_argument);
}

class Recurrent : public LayerFixture, public ::testing::WithParamInterface<backend::Cell> {};

TEST_P(Recurrent, GradientsWithDropoutRagged) {
  RecurrentStack stack(
      *backend_, arena_, "rnn",
      {.cell = GetParam(), .input = 6, .hidden = 5, .layers = 2, .input_dropout = 0.2f, .hidden_dropout = 0.4f});
  arena_.allocate(*backend_, 3);
  Tensor x = random_tensor({3, 7, 6});
  const Lengths lengths{7, 4, 6};
  backend_->mask(x, lengths);
  check_gradients(x, {[&] {
                        backend_->mask(x, lengths);
                        return stack.forward(x, &lengths, true, 17, true);
                      },
                      [&](Tensor& dy, Tensor& dx) {
                        backend_->mask(dy, lengths);
                        stack.backward(dy, dx);
                      }});
}

std::string cell_name(const ::testing::TestParamInfo<backend::Cell>& tested) {
  return std::array<const char*, 3>{"lstm", "gru", "rnn"}[static_cast<size_t>(tested.param)];
}
INSTANTIATE_TEST_SUITE_P(Cells, Recurrent,
                         ::testing::Values(backend::Cell::lstm, backend::Cell::gru, backend::Cell::rnn), cell_name);

// Inference keeps weights in the back end's own form: they must follow every change that the arena is told of.
TEST_P(Recurrent, InferenceFollowsTheWeights) {
  RecurrentStack stack(*backend_, arena_, "rnn", {.cell = GetParam(), .input = 6, .hidden = 5, .layers = 2});
  arena_.allocate(*backend_, 3);
  const auto agrees = [&](int64_t batch) {
    const Tensor x = random_tensor({batch, 7, 6});
    const auto inferred = backend_->values(stack.forward(x, nullptr, false, 0, false));
    EXPECT_EQ(inferred, backend_->values(stack.forward(x, nullptr, true, 0, true))) << batch;
  };
  for (const int64_t batch : {3, 1, 3, 1, 2, 3}) agrees(batch);
  Parameter& weights = arena_.at("rnn/layer1/backward/w_hh");
  backend_->fill(weights.value, 0.1f);
  arena_.touch_trainable();
  for (const int64_t batch : {3, 2}) agrees(batch);
  arena_.train_only({"rnn/layer0"});
  agrees(3);
  backend_->fill(weights.value, 0.2f);  // frozen, and loaded anew
  arena_.touch();
  agrees(3);
}

TEST_P(Recurrent, ForgetBiasLiftsTheForgetGatesOfAnLstmAlone) {
  const auto biases = [&](float forget_bias) {
    ParameterArena arena;
    const RecurrentStack stack(*backend_, arena, "rnn",
                               {.cell = GetParam(), .input = 6, .hidden = 5, .layers = 1, .forget_bias = forget_bias});
    arena.allocate(*backend_, 3);
    return backend_->values(arena.at("rnn/layer0/backward/b_ih").value);
  };
  const std::vector<float> plain = biases(0), lifted = biases(1);
  for (size_t i = 0; i < plain.size(); ++i) {
    const bool forget_gate = GetParam() == backend::Cell::lstm && i >= 5 && i < 10;  // PyTorch's order: i, f, g, o
    EXPECT_FLOAT_EQ(lifted[i], plain[i] + (forget_gate ? 1 : 0)) << i;
  }
}

TEST_F(Layers, DropoutGradientUsesTheSameMask) {
  Dropout dropout(*backend_, 0.5f);
  const Tensor x = random_tensor({1, 1000});
  const auto y = backend_->values(dropout.forward(x, true, 99));
  Tensor dy = backend_->from_values({1, 1000}, std::vector<float>(1000, 1));
  dropout.backward(dy);
  const auto g = backend_->values(dy), values = backend_->values(x);
  int kept = 0;
  for (size_t i = 0; i < g.size(); ++i) {
    ASSERT_FLOAT_EQ(y[i], g[i] * values[i]);
    kept += g[i] != 0;
  }
  EXPECT_NEAR(kept, 500, 80);
  EXPECT_EQ(backend_->values(dropout.forward(x, false, 99)), values);
}

// A chain whose lower layers are frozen gives the same output and the same upper gradients as one that keeps all.
TEST_F(Layers, ChainWithFrozenPrefix) {
  Chain chain(*backend_, arena_, scratch_);
  chain.add<ConvBn>(*backend_, arena_, "a/conv", "a/bn", conv_3x3(8, 8, 1), ConvBn::Options{});
  chain.add<ResidualBlock>(*backend_, arena_, "b", ResidualBlock::Shape{8, 8, 1, 2});
  chain.add<ResidualBlock>(*backend_, arena_, "c", ResidualBlock::Shape{8, 16, 2, 2});
  chain.add<ResidualBlock>(*backend_, arena_, "d", ResidualBlock::Shape{16, 16, 1, 2});
  arena_.allocate(*backend_, 5);
  perturb();
  arena_.train_only({"d"});
  const Tensor x = random_tensor({4, 8, 8, 8});
  std::vector<std::vector<float>> outputs, gradients;
  for (const bool want_dx : {false, true}) {
    const auto statistics = backend_->values(arena_.statistics());
    arena_.zero_gradients();
    outputs.push_back(backend_->values(chain.forward(x, nullptr, {.want_dx = want_dx})));
    Tensor dy = backend_->from_values({4, 4, 4, 16}, std::vector<float>(1024, 0.5f)), dx;
    chain.backward(dy, dx);
    gradients.push_back(backend_->values(arena_.at("d/conv1/weight").gradient));
    EXPECT_EQ(dx.empty(), !want_dx);
    backend_->upload(statistics.data(), arena_.statistics());
  }
  for (size_t i = 0; i < outputs[0].size(); ++i) ASSERT_NEAR(outputs[0][i], outputs[1][i], 2e-4);
  for (size_t i = 0; i < gradients[0].size(); ++i) ASSERT_NEAR(gradients[0][i], gradients[1][i], 1e-2);
}

// Fixed statistics above something that trains: the gradient passes through a frozen layer.
TEST_F(Layers, FrozenLayerPassesTheGradient) {
  Chain chain(*backend_, arena_, scratch_);
  chain.add<ConvBn>(*backend_, arena_, "a/conv", "a/bn", conv_3x3(8, 8, 1), ConvBn::Options{});
  chain.add<ResidualBlock>(*backend_, arena_, "b", ResidualBlock::Shape{8, 8, 1, 2});
  arena_.allocate(*backend_, 5);
  perturb();
  arena_.train_only({});
  const Tensor x = random_tensor({2, 5, 5, 8});
  Tensor y = chain.forward(x, nullptr, {.want_dx = true});
  const auto before = backend_->values(arena_.statistics());
  const auto probe = random_values(y.shape.count());
  Tensor dy = backend_->from_values(y.shape, probe), dx;
  chain.backward(dy, dx);
  const auto gradient = backend_->values(dx);
  auto values = backend_->values(x);
  const auto direction = random_values(static_cast<int64_t>(values.size()));
  double difference = 0;
  for (const float sign : {1.0f, -1.0f}) {
    auto moved = values;
    for (size_t i = 0; i < moved.size(); ++i) moved[i] += sign * 1e-4f * direction[i];
    backend_->upload(moved.data(), x);
    difference += sign * dot(backend_->values(chain.forward(x, nullptr, {.want_dx = true})), probe);
  }
  EXPECT_NEAR(difference / 2e-4, dot(gradient, direction), 0.02 * std::sqrt(dot(gradient, gradient)));
  EXPECT_EQ(backend_->values(arena_.statistics()), before);
}

}  // namespace
}  // namespace avsr::layers
