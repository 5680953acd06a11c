// Whole networks: sizes, ragged batches, freezing, learning, refusals.
#include "models/network.h"

#include <gmock/gmock.h>

#include <map>

#include "tests/models/network_fixture.h"

namespace avsr::models {
namespace {

using backend::Cell;
using backend::Lengths;
using backend::Tensor;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Networks : public NetworkFixture {
 protected:
  std::vector<float> logits(Network& network, const Inputs& inputs, Mode mode = Mode::inference) {
    Lengths steps;
    return backend_->values(network.forward(inputs, mode, 1, steps));
  }
  template <typename Call>
  std::string refusal(Call&& call) {
    try {
      call();
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "accepted";
  }
};

// The sizes of the public networks; two biases a gate, statistics not counted.
TEST_F(Networks, HaveTheirParameterCounts) {
  const int head = 1024 * 500 + 500;  // an audiovisual network has no stream heads
  for (const auto& [cell, video, audio, fusion] :
       {std::tuple{Cell::lstm, 31388852, 15125876, 17306100}, std::tuple{Cell::gru, 29025460, 12500340, 13107700}}) {
    NetworkConfig config;
    config.recurrent.cell = config.fusion.cell = cell;
    const auto both = make_network(*backend_, config, 1);
    EXPECT_EQ(both->parameters().count("fusion"), fusion);
    EXPECT_EQ(both->parameters().count("video"), video - head);
    EXPECT_EQ(both->parameters().count("audio"), audio - head);
  }
  NetworkConfig config;
  config.streams = Streams::audio;
  EXPECT_EQ(make_network(*backend_, config, 1)->parameters().count(), 15125876);
  config.back_end = BackEnd::temporal_conv;
  EXPECT_EQ(make_network(*backend_, config, 1)->parameters().count("audio/temporal_conv"), 14419956);
  config.streams = Streams::video;
  EXPECT_EQ(make_network(*backend_, config, 1)->parameters().count("video/temporal_conv"), 3671284);
}

TEST_F(Networks, RaggedBatchEqualsItsClipsOneByOne) {
  std::vector<NetworkConfig> configs;
  for (const Streams streams : {Streams::video, Streams::audio, Streams::audiovisual})
    for (const Cell cell : {Cell::lstm, Cell::gru}) configs.push_back(narrow_config(streams, BackEnd::recurrent, cell));
  for (const Streams streams : {Streams::video, Streams::audio})
    configs.push_back(narrow_config(streams, BackEnd::temporal_conv));
  configs.push_back(narrow_config(Streams::audio));
  configs.back().audio.input = AudioConfig::Input::mfcc;
  configs.push_back(narrow_config(Streams::audio));
  configs.back().audio.pool = {21, 21, 1};
  configs.push_back(narrow_config(Streams::audio, BackEnd::ms_tcn));
  configs.push_back(narrow_config(Streams::audiovisual, BackEnd::ms_tcn));
  configs.push_back(narrow_config(Streams::audiovisual));
  configs.back().word_boundary = true;
  configs.push_back(hand_made_config());
  configs.push_back(hand_made_config());
  configs.back().word_boundary = true;
  configs.push_back(hand_made_config());
  configs.back().streams = Streams::video;
  configs.back().back_end = BackEnd::recurrent;
  configs.push_back(narrow_config(Streams::audiovisual, BackEnd::none));
  for (const NetworkConfig& config : configs) {
    const auto network = make_network(*backend_, config, 3);
    perturb(network->parameters());
    const Inputs batch = random_inputs(config, {25, 31, 23}, 33);
    Lengths steps, one_steps;
    const Tensor y = network->forward(batch, Mode::inference, 0, steps);
    const auto together = backend_->values(y);
    for (size_t b = 0; b < 3; ++b) {
      const auto alone = backend_->values(network->forward(one_clip(batch, b), Mode::inference, 0, one_steps));
      ASSERT_THAT(one_steps, ElementsAre(steps[b]));
      ASSERT_EQ(alone.size(), static_cast<size_t>(steps[b] * config.labels));
      for (size_t i = 0; i < alone.size(); ++i)
        ASSERT_NEAR(together[b * static_cast<size_t>(y.shape[1] * config.labels) + i], alone[i], 1e-5);
    }
  }
}

TEST_F(Networks, PaddingDoesNotReachTrainingStatistics) {
  const NetworkConfig config = narrow_config(Streams::audiovisual);
  std::vector<std::vector<float>> outputs, statistics, gradients;
  for (const int padded : {9, 14}) {
    const auto network = make_network(*backend_, config, 3);
    // The same clips; only what lies beyond them differs.
    Inputs inputs = random_inputs(config, {7, 9}, 14);
    if (padded == 9) {
      const Inputs first = one_clip(inputs, 0), second = one_clip(inputs, 1);
      std::vector<uint8_t> pixels(2 * 9 * 24 * 24, 77);
      std::vector<float> sound(2 * 9 * 640, 5.0f);
      std::vector<uint8_t> part(9 * 24 * 24);
      backend_->download(first.video, part.data());
      std::copy_n(part.begin(), 7 * 24 * 24, pixels.begin());
      backend_->download(second.video, part.data());
      std::copy_n(part.begin(), 9 * 24 * 24, pixels.begin() + 9 * 24 * 24);
      const auto a = backend_->values(first.audio), b = backend_->values(second.audio);
      std::copy(a.begin(), a.end(), sound.begin());
      std::copy(b.begin(), b.end(), sound.begin() + 9 * 640);
      backend_->resize(inputs.video, {2, 9, 24, 24}, backend::DType::u8);
      backend_->upload(pixels.data(), inputs.video);
      inputs.audio = backend_->from_values({2, 9 * 640}, sound);
    }
    outputs.push_back(logits(*network, inputs, Mode::training));
    statistics.push_back(backend_->values(network->parameters().statistics()));
    network->backward(backend_->from_values({2, 9, 4}, [&] {
      std::vector<float> d(2 * 9 * 4, 0.1f);
      std::fill(d.begin() + 7 * 4, d.begin() + 9 * 4, 0.0f);
      for (size_t i = 0; i < d.size(); i += 3) d[i] *= -2;
      return d;
    }()));
    gradients.push_back(backend_->values(network->parameters().gradients()));
  }
  for (size_t i = 0; i < outputs[0].size(); ++i) ASSERT_NEAR(outputs[0][i], outputs[1][i], 1e-5);
  for (size_t i = 0; i < statistics[0].size(); ++i) ASSERT_NEAR(statistics[0][i], statistics[1][i], 1e-5);
  for (size_t i = 0; i < gradients[0].size(); ++i) ASSERT_NEAR(gradients[0][i], gradients[1][i], 1e-3) << i;
}

TEST_F(Networks, OverfitOneBatch) {
  std::vector<NetworkConfig> configs;
  for (const Streams streams : {Streams::video, Streams::audio, Streams::audiovisual})
    configs.push_back(narrow_config(streams));
  configs[0].recurrent.hidden_dropout = 0.1f;
  configs.push_back(narrow_config(Streams::video, BackEnd::recurrent, Cell::gru));
  configs.push_back(narrow_config(Streams::audio, BackEnd::temporal_conv));
  configs.push_back(narrow_config(Streams::audiovisual, BackEnd::ms_tcn));
  configs.back().word_boundary = true;
  configs.push_back(hand_made_config());
  configs.push_back(narrow_config(Streams::audiovisual, BackEnd::none));
  configs.back().word_boundary = true;  // beside each embedding, whose gradient is cut out again
  for (const NetworkConfig& config : configs) {
    const auto network = make_network(*backend_, config, 3);
    const bool temporal = config.back_end == BackEnd::temporal_conv;
    const Lengths frames = temporal ? Lengths{24, 25, 25, 23} : Lengths{8, 6, 8, 7};
    const Inputs inputs = random_inputs(config, frames, temporal ? 25 : 8);
    Trainer trainer(*backend_);
    const double start = trainer.step(*network, inputs, {0, 1, 2, 3});
    double loss = start;
    for (int i = 0; i < 80 && loss > 0.04; ++i) loss = trainer.step(*network, inputs, {0, 1, 2, 3});
    EXPECT_GT(start, 0.7);
    EXPECT_LT(loss, 0.05);
  }
}

TEST_F(Networks, FrozenPartsStayBitEqual) {
  const NetworkConfig config = narrow_config(Streams::audiovisual);
  const Inputs inputs = random_inputs(config, {7, 9}, 9);
  const auto network = make_network(*backend_, config, 3);
  auto& arena = network->parameters();
  const auto all_values = [&] {
    std::map<std::string, std::vector<float>> values;
    for (const layers::Parameter* p : arena.all()) values[p->name] = backend_->values(p->value);
    return values;
  };
  for (const std::vector<std::string>& trained : {std::vector<std::string>{"fusion"},
                                                  {"video/recurrent", "audio/trunk/layer4"},
                                                  {"video/trunk/layer2/0", "fusion/head"},
                                                  {"audio/frontend"}}) {
    arena.train_only(trained);
    const auto before = all_values();
    Trainer trainer(*backend_);
    trainer.step(*network, inputs, {0, 1});
    trainer.step(*network, inputs, {0, 1});
    for (const auto& [name, values] : all_values()) {
      bool should_change = false;
      for (const std::string& prefix : trained) should_change |= layers::under_path(name, prefix);
      EXPECT_EQ(values != before.at(name), should_change) << name;
    }
  }
}

// As the public code: "fixed" parts keep learning their batch-norm statistics, and use the batch's.
TEST_F(Networks, StatisticsOfFrozenPartsMoveWhenAsked) {
  const NetworkConfig config = narrow_config(Streams::audiovisual);
  const Inputs inputs = random_inputs(config, {7, 9}, 9);
  const auto network = make_network(*backend_, config, 3), all_training = make_network(*backend_, config, 3);
  auto& arena = network->parameters();
  arena.train_only({"fusion"});
  network->set_statistics_move(true);
  const auto before = logits(*network, inputs);
  const auto weights = backend_->values(arena.values()), statistics = backend_->values(arena.statistics());
  EXPECT_EQ(logits(*network, inputs, Mode::training), logits(*all_training, inputs, Mode::training));
  network->backward(backend_->from_values({2, 9, 4}, std::vector<float>(72, 0.1f)));
  EXPECT_EQ(backend_->values(arena.values()), weights);
  EXPECT_NE(backend_->values(arena.statistics()), statistics);
  EXPECT_NE(logits(*network, inputs), before);  // packed weights were made again
}

// A gradient must not depend on what lies below being frozen.
TEST_F(Networks, FreezingDoesNotChangeTheOtherGradients) {
  const NetworkConfig config = narrow_config(Streams::audiovisual);
  const Inputs inputs = random_inputs(config, {7, 9}, 9);
  std::vector<std::vector<float>> gradients;
  for (const std::vector<std::string>& trained : {std::vector<std::string>{"fusion", "video/recurrent"},
                                                  {"fusion", "video/recurrent", "video/embed/linear/bias"}}) {
    const auto network = make_network(*backend_, config, 3);
    network->parameters().train_only(trained);
    network->set_statistics_move(true);
    logits(*network, inputs, Mode::training);
    network->backward(backend_->from_values({2, 9, 4}, std::vector<float>(72, 0.1f)));
    gradients.push_back(backend_->values(network->parameters().at("video/recurrent/layer0/forward/w_ih").gradient));
    const auto below = backend_->values(network->parameters().at("video/trunk/layer1/0/conv1/weight").gradient);
    EXPECT_EQ(*std::max_element(below.begin(), below.end()), 0);
  }
  for (size_t i = 0; i < gradients[0].size(); ++i) ASSERT_NEAR(gradients[0][i], gradients[1][i], 1e-5);
}

// Inference packs its weights once: training, moved statistics and loading must each make it pack again.
TEST_F(Networks, InferenceSeesEveryChange) {
  const NetworkConfig config = narrow_config(Streams::audiovisual);
  const Inputs inputs = random_inputs(config, {7, 9}, 9);
  const auto network = make_network(*backend_, config, 3);
  auto& arena = network->parameters();
  const auto expect_fresh = [&](const char* what) {
    const auto fresh = make_network(*backend_, config, 4);
    const auto values = backend_->values(arena.values()), statistics = backend_->values(arena.statistics());
    backend_->upload(values.data(), fresh->parameters().values());
    backend_->upload(statistics.data(), fresh->parameters().statistics());
    fresh->parameters().touch();
    EXPECT_EQ(logits(*network, inputs), logits(*fresh, inputs)) << what;
  };
  expect_fresh("at the start");
  Trainer trainer(*backend_);
  trainer.step(*network, inputs, {0, 1});
  expect_fresh("after a step");
  arena.train_only({"fusion", "video/trunk/layer2"});
  trainer.step(*network, inputs, {0, 1});
  expect_fresh("after a step of a part");
  network->set_statistics_move(true);
  trainer.step(*network, inputs, {0, 1});
  expect_fresh("after statistics moved");
}

TEST_F(Networks, LongClipsGoThroughInChunks) {
  NetworkConfig config = narrow_config(Streams::video);
  config.video.crop = 16;
  const auto network = make_network(*backend_, config, 3);
  perturb(network->parameters());
  const Inputs inputs = random_inputs(config, {300, 100, 132, 20}, 300);
  Lengths steps;
  const Tensor y = network->forward(inputs, Mode::inference, 0, steps);
  const auto together = backend_->values(y);
  for (const size_t b : {size_t{0}, size_t{3}}) {
    const auto alone = logits(*network, one_clip(inputs, b));
    for (size_t i = 0; i < alone.size(); ++i) ASSERT_NEAR(together[b * 300 * 4 + i], alone[i], 1e-5);
  }
  const int64_t chunk = backend_->images_at_once();
  if (chunk > 298) return;
  // A clip of one chunk needs no seam: the seam of the long one must not show.
  config.recurrent.layers = 1;
  Inputs part = one_clip(inputs, 0);
  part.frames = {static_cast<int>(chunk + 2)};
  logits(*network, part);
  const auto shorter = backend_->values(network->features("video/embed"));
  logits(*network, one_clip(inputs, 0));
  const auto longer = backend_->values(network->features("video/embed"));
  for (size_t i = 0; i < static_cast<size_t>(chunk) * 16; ++i)  // all but the last two frames
    ASSERT_NEAR(shorter[i], longer[i], 1e-5);
}

TEST_F(Networks, DropoutIsKeyedByTheStep) {
  NetworkConfig config = narrow_config(Streams::audio);
  config.recurrent.input_dropout = 0.2f;
  config.recurrent.hidden_dropout = 0.5f;
  const auto network = make_network(*backend_, config, 3);
  const Inputs inputs = random_inputs(config, {6, 6}, 6);
  Lengths steps;
  const auto run = [&](uint64_t seed, Mode mode) {
    return backend_->values(network->forward(inputs, mode, seed, steps));
  };
  EXPECT_EQ(run(5, Mode::training), run(5, Mode::training));
  EXPECT_NE(run(5, Mode::training), run(6, Mode::training));
  EXPECT_EQ(run(5, Mode::inference), run(6, Mode::inference));
  network->parameters().train_only({"audio/frontend"});  // a frozen back-end drops nothing
  EXPECT_EQ(run(5, Mode::training), run(6, Mode::training));
}

// An absent stream of a clip feeds zeros into the fusion: nothing of it may matter, and nothing of it learns.
TEST_F(Networks, ClipsMayLackAStream) {
  const NetworkConfig config = narrow_config(Streams::audiovisual);
  const auto network = make_network(*backend_, config, 3);
  perturb(network->parameters());
  Inputs inputs = random_inputs(config, {7, 9, 8}, 9), other = random_inputs(config, {7, 9, 8}, 9, 2);
  const auto all = logits(*network, inputs);
  inputs.video_present = {1, 0, 1};
  inputs.audio_present = {1, 1, 1};
  const auto without = logits(*network, inputs);
  const size_t row = 9 * 4;
  EXPECT_TRUE(std::equal(all.begin(), all.begin() + row, without.begin()));
  EXPECT_FALSE(std::equal(all.begin() + row, all.begin() + 2 * row, without.begin() + row));
  Inputs replaced = inputs;
  replaced.video = other.video;
  const auto with_other = logits(*network, replaced);
  EXPECT_TRUE(std::equal(without.begin() + row, without.begin() + 2 * row, with_other.begin() + row));

  // Alone it needs no video at all.
  Inputs alone = one_clip(inputs, 1);
  alone.video = {};
  alone.frames = {};
  alone.video_present = {0};
  const auto one = logits(*network, alone);
  for (size_t i = 0; i < one.size(); ++i) ASSERT_NEAR(one[i], without[row + i], 1e-5);

  // The gradient of the other clips' video does not reach a clip that has none.
  network->parameters().zero_gradients();
  inputs.video_present = {0, 0, 0};
  logits(*network, inputs, Mode::training);
  network->backward(backend_->from_values({3, 9, 4}, std::vector<float>(108, 0.1f)));
  const auto gradient = [&](const char* name) {
    const auto g = backend_->values(network->parameters().at(name).gradient);
    return *std::max_element(g.begin(), g.end());
  };
  EXPECT_EQ(gradient("video/recurrent/layer0/forward/w_ih"), 0);
  EXPECT_NE(gradient("audio/recurrent/layer0/forward/w_ih"), 0);
  inputs.video_present = {1, 0, 0};
  network->parameters().zero_gradients();
  logits(*network, inputs, Mode::training);
  std::vector<float> d(108, 0.1f);
  std::fill(d.begin(), d.begin() + row, 0.0f);  // nothing is asked of the only clip with video
  network->backward(backend_->from_values({3, 9, 4}, d));
  EXPECT_EQ(gradient("video/recurrent/layer0/forward/w_ih"), 0);

  inputs.audio_present = {1, 0, 1};
  EXPECT_THAT(refusal([&] { logits(*network, inputs); }), HasSubstr("clip 1 has neither stream"));
  inputs.video_present = {};
  inputs.audio_present = {1, 0};
  EXPECT_THAT(refusal([&] { logits(*network, inputs); }), HasSubstr("3 clips in the batch"));
  const NetworkConfig single = narrow_config(Streams::video);
  Inputs video = random_inputs(single, {7}, 7);
  video.video_present = {0};
  EXPECT_THAT(refusal([&] { logits(*make_network(*backend_, single, 1), video); }), HasSubstr("the only stream"));
}

// What joins hand-made features has no layer of its own below the BLSTM.
TEST_F(Networks, OfHandMadeFeaturesHaveParametersInTheFusionAlone) {
  const NetworkConfig config = hand_made_config();
  const auto network = make_network(*backend_, config, 3);
  EXPECT_EQ(network->parameters().count("fusion"), network->parameters().count());
  const int width = 3 * 5 + 4 * 6;
  EXPECT_EQ(network->parameters().at("fusion/recurrent/layer0/forward/w_ih").value.shape, (backend::Shape{32, width}));
  const Inputs inputs = random_inputs(config, {4, 5}, 7);
  logits(*network, inputs);
  EXPECT_EQ(network->features("video/embed").shape, (backend::Shape{2, 5, 15}));
  EXPECT_EQ(network->features("audio/embed").shape, (backend::Shape{2, 5, 24}));
  EXPECT_THAT(refusal([&] { network->features("video/recurrent"); }),
              HasSubstr("there are: video/embed, audio/embed, fusion/recurrent"));
  const auto given = backend_->values(first_rows(inputs.video, 1, 5)),
             read = backend_->values(first_rows(network->features("video/embed"), 1, 5));
  EXPECT_EQ(read, given);
}

TEST_F(Networks, OfHandMadeFeaturesMayLackAStream) {
  const NetworkConfig config = hand_made_config();
  const auto network = make_network(*backend_, config, 3);
  Inputs inputs = random_inputs(config, {9, 9}, 9);
  const auto both = logits(*network, inputs);
  inputs.video_present = {1, 0};
  const auto without = logits(*network, inputs, Mode::training);
  const size_t row = 9 * 4;
  for (size_t i = 0; i < row; ++i) ASSERT_NEAR(without[i], both[i], 1e-5);
  EXPECT_FALSE(std::equal(both.begin() + row, both.end(), without.begin() + row));
  EXPECT_EQ(backend_->values(network->features("video/embed")), backend_->values(inputs.video)) << "the batch is kept";
  network->backward(backend_->from_values({2, 9, 4}, std::vector<float>(72, 0.1f)));
  Inputs alone = one_clip(inputs, 1);
  alone.video = {};
  alone.video_present = {0};
  const auto one = logits(*network, alone);
  for (size_t i = 0; i < one.size(); ++i) ASSERT_NEAR(one[i], without[row + i], 1e-5);
}

TEST_F(Networks, FeaturesAreThoseOfTheLastCall) {
  const NetworkConfig config = narrow_config(Streams::video);
  const auto network = make_network(*backend_, config, 3);
  logits(*network, random_inputs(config, {4, 5}, 5));
  EXPECT_EQ(network->features("video/embed").shape, (backend::Shape{2, 5, 16}));
  EXPECT_EQ(network->features("video/recurrent").shape, (backend::Shape{2, 5, 16}));
  EXPECT_THROW(network->features("audio/embed"), std::invalid_argument);
}

TEST_F(Networks, RefuseInputsThatDoNotFit) {
  const NetworkConfig config = narrow_config(Streams::audiovisual);
  const auto network = make_network(*backend_, config, 3);
  Inputs inputs = random_inputs(config, {7, 9}, 9);
  inputs.samples[0] -= 640;
  EXPECT_THAT(refusal([&] { logits(*network, inputs); }), HasSubstr("clip 0: 7 frames of video"));
  inputs.samples[0] = 100;
  EXPECT_THAT(refusal([&] { logits(*network, inputs); }), HasSubstr("too short"));
  inputs = random_inputs(config, {7, 9}, 9);
  inputs.video = {};
  EXPECT_THAT(refusal([&] { logits(*network, inputs); }),
              HasSubstr("[video] expected bytes (B, T, 24, 24), got nothing"));
  NetworkConfig told = narrow_config(Streams::video);
  told.word_boundary = true;
  Inputs untold = random_inputs(told, {7, 9}, 9);
  untold.word_boundary = {};
  EXPECT_THAT(refusal([&] { logits(*make_network(*backend_, told, 1), untold); }), HasSubstr("word boundary"));
  const NetworkConfig stage1 = narrow_config(Streams::video, BackEnd::temporal_conv);
  const auto short_clips = make_network(*backend_, stage1, 3);
  EXPECT_THAT(refusal([&] { logits(*short_clips, random_inputs(stage1, {22}, 22)); }), HasSubstr("of 22"));
  NetworkConfig wrong = config;
  wrong.video.blocks = {1};
  EXPECT_THAT(refusal([&] { make_network(*backend_, wrong, 1); }), HasSubstr("video.widths"));
  wrong = config;
  wrong.video.global_pooling = false;
  wrong.video.crop = 88;
  EXPECT_THAT(refusal([&] { make_network(*backend_, wrong, 1); }), HasSubstr("video.global_pooling"));
  wrong = narrow_config(Streams::audio, BackEnd::temporal_conv);
  wrong.audio.input = AudioConfig::Input::mfcc;
  EXPECT_THAT(refusal([&] { make_network(*backend_, wrong, 1); }), HasSubstr("back_end"));
  wrong = narrow_config(Streams::video, BackEnd::ms_tcn);
  wrong.ms_tcn.kernels = {4};
  EXPECT_THAT(refusal([&] { make_network(*backend_, wrong, 1); }), HasSubstr("ms_tcn.kernels"));
  wrong = narrow_config(Streams::audiovisual, BackEnd::temporal_conv);
  EXPECT_THAT(refusal([&] { make_network(*backend_, wrong, 1); }), HasSubstr("recurrent, ms_tcn or none"));
  for (const Streams streams : {Streams::video, Streams::audio}) {
    wrong = narrow_config(streams, BackEnd::none);
    EXPECT_THAT(refusal([&] { make_network(*backend_, wrong, 1); }), HasSubstr("only a fusion reads a stream"));
  }
  wrong = hand_made_config();
  wrong.video.dct_coefficients = 24 * 24 + 1;
  EXPECT_THAT(refusal([&] { make_network(*backend_, wrong, 1); }), HasSubstr("576 or fewer"));
  wrong = narrow_config(Streams::video, BackEnd::temporal_conv);
  wrong.video.input = VideoConfig::Input::dct;
  EXPECT_THAT(refusal([&] { make_network(*backend_, wrong, 1); }), HasSubstr("because video.input is dct"));
  const auto hand_made = make_network(*backend_, hand_made_config(), 1);
  inputs = random_inputs(hand_made_config(), {7, 9}, 9);
  inputs.samples[0] -= 4;
  EXPECT_THAT(refusal([&] { logits(*hand_made, inputs); }), HasSubstr("clip 0: 7 frames of video"));
  inputs.video = random_inputs(config, {7, 9}, 9).video;
  EXPECT_THAT(refusal([&] { logits(*hand_made, inputs); }), HasSubstr("DCT features (B, T, 15), got (2, 9, 24, 24)"));
  wrong = narrow_config(Streams::video);
  wrong.modality_dropout.audio = 0.5f;
  EXPECT_THAT(refusal([&] { make_network(*backend_, wrong, 1); }), HasSubstr("modality_dropout"));
}

}  // namespace
}  // namespace avsr::models
