#include "pipeline/training/recipe.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>

#include "io/atomic_file.h"
#include "models/model_file.h"
#include "pipeline/device.h"
#include "tests/pipeline/small_corpus.h"

namespace avsr::pipeline {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string complaint(const std::string& yaml, const std::vector<std::string>& overrides = {}) {
  try {
    parse_recipe(yaml, "my.yaml", overrides);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(Recipe, BuiltInOnesParse) {
  for (const auto& [name, text] : built_in_recipes()) EXPECT_EQ(parse_recipe(text, name).name, name);
  for (const char* name :
       {"demo", "words-small", "words-paper", "words-full", "words-rivals", "sentences-ctc", "lrw-paper", "lrw-modern"})
    EXPECT_EQ(built_in_recipes().count(name), 1u) << name;
}

// Each stage's network is one that can be, has what the stage trains, and what is loaded fits where it goes.
TEST(Recipe, StagesOfBuiltInOnesFitTogether) {
  const auto backend = open_device({"cpu", 1});
  for (const auto& [name, text] : built_in_recipes()) {
    const Recipe recipe = parse_recipe(text, name);
    std::map<std::string, std::unique_ptr<models::Network>> networks;
    for (const Stage& stage : recipe.stages) {
      SCOPED_TRACE(name + ": " + stage.name);
      auto network = models::declare_network(*backend, network_of(recipe, stage, 20));
      EXPECT_NO_THROW(network->parameters().train_only(stage.train));
      for (const Load& load : stage.load)
        EXPECT_NO_THROW(models::check_parts(networks.at(load.from)->parameters(), network->parameters(), load.parts));
      networks[stage.name] = std::move(network);
    }
  }
}

TEST(Recipe, ModernOneHasWhatItsTextSays) {
  const Recipe recipe = load_recipe("lrw-modern");
  EXPECT_EQ(recipe.network.video.blocks, (std::vector<int>{2, 2, 2, 2}));
  EXPECT_TRUE(recipe.data.augment.variable_length);
  EXPECT_DOUBLE_EQ(recipe.data.augment.mixup, 0.4);
  EXPECT_GT(recipe.data.augment.time_mask_probability, 0);
  for (const Stage& stage : recipe.stages) {
    EXPECT_FLOAT_EQ(stage.loss.label_smoothing, 0.1f);
    EXPECT_EQ(stage.optimizer.kind, Optimizer::Kind::adamw);
  }
}

// What two recipes' models are to be compared on must be the same clips, changed alike.
TEST(Recipe, RivalsTrainOnWhatTheOthersDo) {
  const Recipe rivals = load_recipe("words-rivals"), others = load_recipe("words-small");
  EXPECT_EQ(rivals.tree.at("data"), others.tree.at("data"));
  EXPECT_EQ(network_of(rivals, rivals.stages.at(0), 52).audio.input, models::AudioConfig::Input::mfcc);
  const models::NetworkConfig joined = network_of(rivals, rivals.stages.at(1), 52);
  EXPECT_EQ(joined.audio.input, models::AudioConfig::Input::mfcc);
  EXPECT_EQ(joined.video.input, models::VideoConfig::Input::dct);
  EXPECT_EQ(joined.back_end, models::BackEnd::none);
}

TEST(Recipe, PaperScheduleIsThePapers) {
  const Recipe recipe = load_recipe("lrw-paper");
  ASSERT_EQ(recipe.stages.size(), 8u);
  for (const Stage& stage : recipe.stages) {
    EXPECT_EQ(stage.batch, 36);
    EXPECT_EQ(stage.optimizer.kind, Optimizer::Kind::adam);
    EXPECT_EQ(stage.optimizer.weight_decay, 0);
    EXPECT_DOUBLE_EQ(stage.rate, stage.name == "joint" ? 1e-4 : 3e-4);
  }
  EXPECT_EQ(recipe.network.recurrent.hidden, 512);
  EXPECT_EQ(recipe.stages[1].streams, models::Streams::audio);  // keys of its own win over merged ones
  EXPECT_EQ(recipe.stages[1].back_end, models::BackEnd::temporal_conv);
}

TEST(Recipe, UnknownKeysNameTheirLineAndANeighbour) {
  const std::string text = replaced(small_recipe_text(), "    rate: 3.0e-3", "    rat: 3.0e-3");
  EXPECT_THAT(complaint(text), AllOf(HasSubstr("my.yaml:17:"), HasSubstr("'rat'"), HasSubstr("did you mean: rate")));
  EXPECT_THAT(complaint(replaced(small_recipe_text(), "crop: 20", "cropp: 20")), HasSubstr("my.yaml:9:"));
  EXPECT_THAT(complaint(replaced(small_recipe_text(), "data:", "date:")), HasSubstr("'date'"));
}

TEST(Recipe, AnchorsMayNeitherLoopNorMultiplyNorHide) {
  EXPECT_THAT(complaint("a: &a {b: *a}\n" + small_recipe_text()), HasSubstr("an alias hold itself"));
  EXPECT_THAT(complaint("a: &a [*a]\n" + small_recipe_text()), HasSubstr("an alias hold itself"));
  std::string many = "l0: &l0 [1]\n";
  for (int i = 1; i < 30; ++i) many += fmt::format("l{0}: &l{0} [*l{1}, *l{1}]\n", i, i - 1);
  EXPECT_THAT(complaint(many + small_recipe_text()), HasSubstr("too large"));
  EXPECT_THAT(complaint(replaced(small_recipe_text(), "data:\n", "data:\n  <<: 5\n")), HasSubstr("<<: *name"));
  EXPECT_THAT(complaint(replaced(small_recipe_text(), "  crop: 20", "  crop: 20\n  crop: 21")),
              HasSubstr("'crop' stands twice"));
  const Recipe merged = parse_recipe(replaced(small_recipe_text(), "{kind: adamw, weight_decay: 0.01, clip_norm: 1}",
                                              "{<<: [{kind: adamw}, {kind: sgd, weight_decay: 0.25}]}"),
                                     "my.yaml", {});
  EXPECT_EQ(merged.stages.back().optimizer.kind, Optimizer::Kind::adamw) << "the first base wins";
  EXPECT_FLOAT_EQ(merged.stages.back().optimizer.weight_decay, 0.25f);
}

TEST(Recipe, AnOverrideChangesOneStageAndNotWhatSharesItsAlias) {
  const std::string text = replaced(replaced(small_recipe_text(), "data:\n", "data: &d\n"), "stages:\n",
                                    "x: &o {kind: adam, clip_norm: 2}\nstages:\n");
  EXPECT_THAT(complaint(text), HasSubstr("'x'"));
  std::string shared = small_recipe_text();
  const std::string own = "{kind: adamw, weight_decay: 0.01, clip_norm: 1}";
  const size_t first = shared.find(own);
  ASSERT_NE(first, std::string::npos);
  shared.insert(first, "&o ");
  for (size_t at = shared.find(own, first + own.size() + 3); at != std::string::npos; at = shared.find(own, at + 2))
    shared.replace(at, own.size(), "*o");
  const Recipe recipe = parse_recipe(shared, "my.yaml", {"stages.a-conv.optimizer.clip_norm=5"});
  EXPECT_FLOAT_EQ(recipe.stages.front().optimizer.clip_norm, 5);
  for (size_t i = 1; i < recipe.stages.size(); ++i)
    EXPECT_NE(recipe.stages[i].optimizer.clip_norm, 5) << recipe.stages[i].name;
  EXPECT_THAT(complaint(replaced(small_recipe_text(), "levels_db: [10, 0]", "levels_db: [10, -1000]")),
              HasSubstr("from -100 to 100 dB, found -1000"));
}

// The keys that reading knows in a mapping, as it names them when it meets one that is like none of them.
std::vector<std::string> known_keys(const std::string& mapping) {
  const std::string text = complaint(small_recipe_text(), {mapping + "zzzzzzzzzzzz=1"});
  const size_t list = text.find("known are: ");
  EXPECT_NE(list, std::string::npos) << text;
  std::vector<std::string> keys;
  std::stringstream stream(text.substr(list + std::string("known are: ").size()));
  for (std::string key; std::getline(stream, key, ',');) keys.push_back(key.substr(key.find_first_not_of(' ')));
  return keys;
}

TEST(Recipe, EveryKeyIsDocumented) {
  const std::string reference = io::read_text_file(AVSR_SOURCE_DIR "/docs/recipes.md");
  for (const char* mapping : {"", "network.", "network.video.", "network.audio.", "network.recurrent.",
                              "network.ms_tcn.", "network.modality_dropout.", "data.", "data.augment.", "data.noise.",
                              "stages.join.", "stages.join.optimizer.", "stages.join.decay."})
    for (const std::string& key : known_keys(mapping))
      EXPECT_NE(reference.find(fmt::format("`{}`", key)), std::string::npos) << mapping << key;
}

TEST(Recipe, SentencesHaveTheLossCtcAndNothingOfWords) {
  const std::vector<std::string> sentences{"stages.*.loss=ctc", "data.targets=characters",
                                           "stages.*.back_end=recurrent"};
  const auto with = [&](const std::string& more) {
    std::vector<std::string> overrides = sentences;
    overrides.push_back(more);
    return complaint(replaced(small_recipe_text(), "a-conv, parts: [audio/frontend", "a-conv, parts: [audio/frontend"),
                     overrides);
  };
  EXPECT_EQ(with("seed=2"), "");
  EXPECT_EQ(parse_recipe(small_recipe_text(), "my.yaml", sentences).stages[0].loss.kind, models::Loss::ctc);
  EXPECT_THAT(complaint(small_recipe_text(), {"data.targets=characters"}), HasSubstr("go together"));
  EXPECT_THAT(complaint(small_recipe_text(), {"stages.*.loss=ctc"}), HasSubstr("go together"));
  EXPECT_THAT(with("stages.a-rec.middle_steps=3"), HasSubstr("a sentence has no one label"));
  EXPECT_THAT(with("stages.a-rec.label_smoothing=0.1"), HasSubstr("a sentence has no one label"));
  EXPECT_THAT(with("stages.a-rec.back_end=temporal_conv"), HasSubstr("one for each symbol"));
  EXPECT_THAT(with("data.augment.mixup=0.2"), HasSubstr("leave them out"));
  EXPECT_THAT(with("data.background=true"), HasSubstr("leave them out"));
  EXPECT_EQ(labels_of(parse_recipe(small_recipe_text(), "my.yaml", {"data.symbols=[sh, a]"}).data),
            (std::vector<std::string>{kBlankLabel, "sh", "a"}));
}

TEST(Recipe, WrongValuesAreRefused) {
  EXPECT_THAT(complaint(replaced(small_recipe_text(), "batch: 6", "batch: six")),
              AllOf(HasSubstr(":19:"), HasSubstr("'six'")));
  EXPECT_THAT(complaint(replaced(small_recipe_text(), "batch: 6", "batch: 0")), HasSubstr("between 1 and"));
  EXPECT_THAT(complaint(replaced(small_recipe_text(), "streams: audio", "streams: sound")),
              HasSubstr("audio, video, audiovisual"));
  EXPECT_THAT(complaint(replaced(small_recipe_text(), "crop: 20", "crop: -1")), HasSubstr("my.yaml"));
  EXPECT_THAT(complaint(small_recipe_text(), {"stages.v-conv.middle_steps=3"}), HasSubstr("one step a clip"));
  EXPECT_THAT(complaint(replaced(small_recipe_text(), "rate: 3.0e-3", "rate: .nan")), HasSubstr("'.nan'"));
  EXPECT_THAT(complaint(replaced(small_recipe_text(), "levels_db: [10, 0]", "levels_db: [10, .inf]")),
              HasSubstr("'levels_db'"));
  EXPECT_THAT(complaint(small_recipe_text(), {"stages.join.accumulate=7"}), HasSubstr("in 7 parts"));
  EXPECT_THAT(complaint("name: [unclosed"), HasSubstr("my.yaml:1:"));
  EXPECT_THAT(complaint("- a\n- b\n"), HasSubstr("mapping"));
  EXPECT_THAT(complaint("name: x\n"), HasSubstr("'stages'"));
}

TEST(Recipe, WhatCannotBeTogetherIsRefused) {
  EXPECT_THAT(complaint(small_recipe_text(), {"data.augment.mixup=0.2", "data.normalisation=per_clip"}),
              HasSubstr("one scale for all clips"));
  EXPECT_THAT(complaint(small_recipe_text(), {"data.augment.mixup=1.5"}), HasSubstr("mixup must lie"));
  EXPECT_THAT(complaint(small_recipe_text(), {"data.augment.variable_length=true", "stages.v-rec.middle_steps=3"}),
              HasSubstr("the word in the middle"));
  EXPECT_THAT(
      complaint(small_recipe_text(), {"network.modality_dropout.video=0.6", "network.modality_dropout.audio=0.6"}),
      HasSubstr("more than all clips"));
}

TEST(Recipe, NetworksGetWhatTheirKindReads) {
  const Recipe recipe = small_recipe({"network.word_boundary=true", "network.modality_dropout.video=0.25",
                                      "network.ms_tcn.branch_width=4", "stages.v-rec.back_end=ms_tcn"});
  EXPECT_FALSE(network_of(recipe, recipe.stages[0], 2).word_boundary) << "of temporal_conv";
  EXPECT_TRUE(network_of(recipe, recipe.stages[1], 2).word_boundary);
  EXPECT_FALSE(network_of(recipe, recipe.stages[1], 2).modality_dropout.used());
  EXPECT_EQ(network_of(recipe, recipe.stages[3], 2).back_end, models::BackEnd::ms_tcn);
  EXPECT_EQ(network_of(recipe, recipe.stages[3], 2).ms_tcn.branch_width, 4);
  EXPECT_FLOAT_EQ(network_of(recipe, recipe.stages[4], 2).modality_dropout.video, 0.25f);
}

TEST(Recipe, WhatIsHandMadeIsChosenByName) {
  const Recipe recipe = small_recipe({"network.video.input=dct", "network.video.dct_coefficients=21",
                                      "network.audio.input=mfcc", "stages.join.back_end=none", "stages.join.load=[]"});
  const models::NetworkConfig config = network_of(recipe, recipe.stages.back(), 2);
  EXPECT_EQ(config.video.features(), 63);
  EXPECT_EQ(config.back_end, models::BackEnd::none);
  EXPECT_THAT([&] { network_of(recipe, recipe.stages[2], 2); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("because video.input is dct")));
  EXPECT_THAT(complaint(small_recipe_text(), {"network.video.input=eigenlips"}), HasSubstr("frames, dct"));
  EXPECT_THAT(complaint(small_recipe_text(), {"network.video.dct_coefficients=0"}), HasSubstr("between 1 and"));
}

Optimizer optimizer_of(const std::string& yaml) {
  return small_recipe({"stages.join.optimizer=" + yaml}).stages.back().optimizer;
}

TEST(Recipe, OptimizersHaveTheirOwnDefaults) {
  EXPECT_FALSE(optimizer_of("adam").decoupled);
  EXPECT_TRUE(optimizer_of("adamw").decoupled);
  EXPECT_TRUE(optimizer_of("{kind: sgd, weight_decay: 0.1, decoupled: true}").decoupled);
  EXPECT_FLOAT_EQ(optimizer_of("sgd").momentum, 0.9f);
  EXPECT_FLOAT_EQ(optimizer_of("rmsprop").momentum, 0);
  EXPECT_FLOAT_EQ(optimizer_of("{kind: rmsprop, momentum: 0.5}").momentum, 0.5f);
  EXPECT_FLOAT_EQ(optimizer_of("rmsprop").epsilon, 1e-8f);
  EXPECT_FLOAT_EQ(optimizer_of("adagrad").epsilon, 1e-10f);
  EXPECT_FLOAT_EQ(optimizer_of("{kind: adam, beta1: 0.5, beta2: 0.9, epsilon: 1e-4}").beta2, 0.9f);
}

TEST(Recipe, OptimizersRefuseWhatTheyHaveNoUseFor) {
  const auto refusal = [](const std::string& yaml) {
    return complaint(small_recipe_text(), {"stages.join.optimizer=" + yaml});
  };
  EXPECT_THAT(refusal("{kind: adam, momentum: 0.9}"), AllOf(HasSubstr("'momentum'"), HasSubstr("sgd, rmsprop")));
  EXPECT_THAT(refusal("{kind: sgd, beta1: 0.9}"), HasSubstr("'beta1'"));
  EXPECT_THAT(refusal("{kind: adagrad, smoothing: 0.9}"), HasSubstr("'smoothing'"));
  EXPECT_THAT(refusal("{kind: sgd, epsilon: 1e-8}"), HasSubstr("'epsilon'"));
  EXPECT_THAT(refusal("{kind: adamw, decoupled: false}"), HasSubstr("kind: adam"));
  EXPECT_THAT(refusal("{kind: adagrad, weight_decay: -1}"), HasSubstr("'weight_decay'"));
  EXPECT_THAT(refusal("{kind: lion}"), HasSubstr("adam, adamw, sgd, adagrad, rmsprop"));
}

TEST(Recipe, StagesLoadOnlyFromEarlierOnes) {
  EXPECT_THAT(complaint(replaced(small_recipe_text(), "from: a-conv", "from: v-rec")), HasSubstr("no stage before it"));
  EXPECT_THAT(complaint(replaced(small_recipe_text(), "from: a-conv", "from: a-rec")), HasSubstr("no stage before it"));
  EXPECT_THAT(complaint(replaced(small_recipe_text(), "name: a-rec", "name: a-conv")),
              HasSubstr("two stages are named"));
}

TEST(Recipe, OverridesReachOnlyWhatTheyName) {
  const std::vector<std::string> overrides{"seed=7", "stages.audio-recurrent.epochs=2",
                                           "stages.fusion.optimizer.clip_norm=9"};
  const Recipe recipe = load_recipe("words-paper", overrides);
  EXPECT_EQ(recipe.seed, 7u);
  for (const Stage& stage : recipe.stages) {
    EXPECT_EQ(stage.epochs == 2, stage.name == "audio-recurrent") << stage.name;
    EXPECT_EQ(stage.optimizer.clip_norm == 9, stage.name == "fusion") << stage.name;
  }
  for (const Stage& stage : load_recipe("demo", {"stages.*.epochs=1"}).stages) EXPECT_EQ(stage.epochs, 1);
  EXPECT_EQ(parse_recipe(recipe.text, "again").seed, 7u);  // what is stored with the run says it too
  EXPECT_THAT(complaint(small_recipe_text(), {"stages.a-conv.epoch=2"}), HasSubstr("'epoch'"));
  EXPECT_THAT(complaint(small_recipe_text(), {"stages.nowhere.epochs=2"}), HasSubstr("'nowhere'"));
  EXPECT_THAT(complaint(small_recipe_text(), {"seed"}), HasSubstr("KEY=VALUE"));
  EXPECT_THAT(complaint(small_recipe_text(), {"name=["}), AllOf(HasSubstr("my.yaml"), HasSubstr("'name=['")));
  EXPECT_THAT(complaint(small_recipe_text(), {"name=&a [*a]"}), HasSubstr("an alias hold itself"));
}

TEST(Recipe, TextsMustBeUtf8) {
  EXPECT_THAT(complaint(replaced(small_recipe_text(), "name: small", "name: \"caf\xE9\"")),
              AllOf(HasSubstr("my.yaml:1:"), HasSubstr("UTF-8")));
  EXPECT_THAT(complaint(small_recipe_text(), {"name=caf\xE9"}), HasSubstr("UTF-8"));
}

TEST(Recipe, IsComparedByItsValues) {
  const Recipe recipe = small_recipe();
  const std::string remark = replaced(small_recipe_text(), "data:\n  crop: 20", "# a remark\ndata:\n  crop:   20");
  EXPECT_EQ(differences(recipe, parse_recipe(remark, "b.yaml"), {"a-conv"}), std::vector<std::string>{});
  const Recipe other = small_recipe({"data.size=18", "stages.*.rate=0.5", "description=another"});
  EXPECT_EQ(differences(recipe, other, {}), std::vector<std::string>{});
  EXPECT_THAT(differences(recipe, other, {"a-conv"}), testing::UnorderedElementsAre("data.size", "stages.a-conv.rate"));
}

}  // namespace
}  // namespace avsr::pipeline
