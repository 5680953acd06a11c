#include "pipeline/training/recipe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <stdexcept>

#include "io/atomic_file.h"
#include "models/model_file.h"
#include "pipeline/strict_yaml.h"
#include "pipeline/training/recipe_tree.h"
#include "preprocessing/noise.h"

namespace avsr::pipeline {
namespace {

void read_recurrent(const YAML::Node& node, const std::string& origin, const std::string& where,
                    models::RecurrentConfig& config) {
  if (!node) return;
  StrictMap map(node, origin, where);
  map.read_enum("cell", config.cell, models::kCellNames);
  map.read("layers", config.layers, 1, 16);
  map.read("hidden", config.hidden, 1, 65536);
  map.read("input_dropout", config.input_dropout, 0.f, 0.95f);
  map.read("hidden_dropout", config.hidden_dropout, 0.f, 0.95f);
  map.read("forget_bias", config.forget_bias, 0.f, 10.f);
  map.finish();
}

void read_video(const YAML::Node& node, const std::string& origin, models::VideoConfig& config) {
  if (!node) return;
  StrictMap map(node, origin, "network.video");
  map.read_enum("input", config.input, models::kVideoInputNames);
  map.read("frontend_width", config.frontend_width, 1, 65536);
  map.read("widths", config.widths);
  map.read("blocks", config.blocks);
  map.read("embedding", config.embedding, 0, 65536);
  map.read("global_pooling", config.global_pooling);
  map.read("dct_coefficients", config.dct_coefficients, 1, 65536);
  map.read_enum("activation", config.activation, models::kActivationNames);
  map.finish();
}

void read_audio(const YAML::Node& node, const std::string& origin, models::AudioConfig& config) {
  if (!node) return;
  StrictMap map(node, origin, "network.audio");
  map.read_enum("input", config.input, models::kAudioInputNames);
  map.read("frontend_width", config.frontend_width, 1, 65536);
  map.read("widths", config.widths);
  map.read("blocks", config.blocks);
  map.read("embedding", config.embedding, 0, 65536);
  map.read("pool", config.pool);
  map.read("mfcc_features", config.mfcc_features, 1, 1024);
  map.read_enum("activation", config.activation, models::kActivationNames);
  map.finish();
}

void read_ms_tcn(const YAML::Node& node, const std::string& origin, models::MsTcnConfig& config) {
  if (!node) return;
  StrictMap map(node, origin, "network.ms_tcn");
  map.read("kernels", config.kernels);
  map.read("branch_width", config.branch_width, 1, 65536);
  map.read("blocks", config.blocks, 1, 16);
  map.read("dropout", config.dropout, 0.f, 0.95f);
  map.read_enum("activation", config.activation, models::kActivationNames);
  map.finish();
}

void read_modality_dropout(const YAML::Node& node, const std::string& origin, models::ModalityDropout& config) {
  if (!node) return;
  StrictMap map(node, origin, "network.modality_dropout");
  map.read("video", config.video, 0.f, 1.f);
  map.read("audio", config.audio, 0.f, 1.f);
  map.finish();
  if (config.video + config.audio > 1)
    complain(node, origin, "network.modality_dropout: video and audio together are more than all clips");
}

void read_network(const YAML::Node& node, const std::string& origin, models::NetworkConfig& config) {
  if (!node) return;
  StrictMap map(node, origin, "network");
  read_video(map.node("video"), origin, config.video);
  read_audio(map.node("audio"), origin, config.audio);
  read_recurrent(map.node("recurrent"), origin, "network.recurrent", config.recurrent);
  read_recurrent(map.node("fusion"), origin, "network.fusion", config.fusion);
  read_ms_tcn(map.node("ms_tcn"), origin, config.ms_tcn);
  map.read("word_boundary", config.word_boundary);
  read_modality_dropout(map.node("modality_dropout"), origin, config.modality_dropout);
  map.finish();
}

void read_augment(const YAML::Node& node, const std::string& origin, preprocessing::AugmentSettings& augment) {
  if (!node) return;
  StrictMap map(node, origin, "data.augment");
  map.read("random_crop", augment.random_crop);
  map.read("flip_probability", augment.flip_probability);
  map.read("rotation_degrees", augment.rotation_degrees);
  map.read("scaling", augment.scaling);
  map.read("brightness", augment.brightness);
  map.read("contrast", augment.contrast);
  map.read("speed", augment.speed);
  map.read("time_mask_probability", augment.time_mask_probability);
  map.read("time_mask_frames", augment.time_mask_frames);
  map.read("audio_mask_probability", augment.audio_mask_probability);
  map.read("audio_mask_seconds", augment.audio_mask_seconds);
  map.read("variable_length", augment.variable_length);
  map.read("mixup", augment.mixup);
  map.finish();
}

void read_noise(const YAML::Node& node, const std::string& origin, DataSettings& data) {
  if (!node) return;
  StrictMap map(node, origin, "data.noise");
  map.read("levels_db", data.noise_levels_db);
  map.read("clean", data.clean);
  map.read("voices", data.babble.voices);
  map.read("slowest", data.babble.slowest);
  map.read("fastest", data.babble.fastest);
  map.finish();
  for (const double level : data.noise_levels_db)
    if (!(std::abs(level) <= preprocessing::kLargestSnr))
      complain(node, origin,
               fmt::format("data.noise.levels_db: expected levels from -{0:g} to {0:g} dB, found {1:g}",
                           preprocessing::kLargestSnr, level));
  if (!data.clean && data.noise_levels_db.empty())
    complain(node, origin, "data.noise: clean is false and levels_db is empty: no level is left to train at");
}

void read_data(const YAML::Node& node, const std::string& origin, DataSettings& data) {
  if (!node) return;
  StrictMap map(node, origin, "data");
  map.read("window_frames", data.window_frames, 5, 10000);
  map.read("shift_frames", data.shift_frames, 0.0, 100.0);
  map.read_enum("targets", data.targets, kTargetNames);
  map.read("symbols", data.symbols);
  map.read("background", data.background);
  map.read("crop", data.geometry.crop_size);
  map.read("size", data.geometry.input_size);
  std::string normalisation = preprocessing::to_string(data.normalisation);
  map.read("normalisation", normalisation);
  read_augment(map.node("augment"), origin, data.augment);
  read_noise(map.node("noise"), origin, data);
  map.finish();
  try {
    data.normalisation = preprocessing::parse_pixel_normalisation(normalisation);
    data.geometry.validate();
    data.augment.validate();
    data.babble.validate();
  } catch (const std::invalid_argument& error) {
    complain(node, origin, error.what());
  }
  using Normalisation = preprocessing::PixelNormalisation;
  if (data.augment.mixup > 0 && data.normalisation != Normalisation::training_set &&
      data.normalisation != Normalisation::mean_image)
    complain(node, origin,
             fmt::format("data.augment.mixup mixes pixels, which needs one scale for all clips: normalisation "
                         "training_set or mean_image, not {}",
                         preprocessing::to_string(data.normalisation)));
}

std::vector<Load> read_loads(const YAML::Node& node, const std::string& origin, const std::set<std::string>& earlier) {
  std::vector<Load> loads;
  if (!node) return loads;
  if (!node.IsSequence()) complain(node, origin, "'load' should be a list of {from: STAGE, parts: [PATH, …]}");
  for (const YAML::Node& entry : node) {
    StrictMap map(entry, origin, "load");
    Load load;
    map.read("from", load.from);
    map.read("parts", load.parts);
    map.finish();
    if (!earlier.count(load.from))
      complain(entry, origin,
               fmt::format("loads from '{}', which is no stage before it; these are: {}", load.from,
                           earlier.empty() ? "none" : fmt::format("{}", fmt::join(earlier, ", "))));
    if (load.parts.empty()) complain(entry, origin, fmt::format("loads no parts from '{}'", load.from));
    loads.push_back(std::move(load));
  }
  return loads;
}

// Settings of the rate that are right one by one and senseless together.
void check_rate(const YAML::Node& node, const std::string& origin, const Stage& stage) {
  const auto refuse = [&](const std::string& why) {
    complain(node, origin, fmt::format("stage '{}': {}", stage.name, why));
  };
  if (stage.warm_up >= stage.epochs)
    refuse(fmt::format("warm_up takes {} of its {} epochs: the rate would never reach {}", stage.warm_up, stage.epochs,
                       stage.rate));
  if (stage.warm_up > 0 && stage.decay.kind == Decay::Kind::one_cycle)
    refuse("one_cycle begins with a warm-up of its own: leave out warm_up, or choose decay cosine");
  if (stage.decay.lowest > stage.rate)
    refuse(fmt::format("the decay's lowest rate, {}, is above the rate, {}", stage.decay.lowest, stage.rate));
  if (stage.decay.kind == Decay::Kind::plateau && stage.patience > 0 && stage.patience <= stage.decay.patience)
    refuse(
        fmt::format("it would end after {} epochs without a better result, before the plateau's {} lower the rate: "
                    "make patience larger than decay.patience",
                    stage.patience, stage.decay.patience));
}

// One file or a list of them.
std::vector<std::string> read_init(const YAML::Node& node, const std::string& origin) {
  std::vector<std::string> files;
  if (!node) return files;
  if (node.IsScalar()) {
    if (const auto file = node.as<std::string>(); !file.empty()) files.push_back(file);
  } else if (node.IsSequence() &&
             std::all_of(node.begin(), node.end(), [](const auto& one) { return one.IsScalar(); })) {
    files = node.as<std::vector<std::string>>();
  } else {
    complain(node, origin, "'init' should be a model file or a list of them");
  }
  return files;
}

Stage read_stage(const YAML::Node& node, const std::string& origin, const std::set<std::string>& earlier) {
  Stage stage;
  StrictMap map(node, origin, "stage");
  map.read("name", stage.name);
  if (stage.name.empty() || stage.name.find_first_of("/.\\ ") != std::string::npos)
    complain(node, origin, "a stage needs a name, which becomes a folder: no '/', '.', '\\' or blank");
  if (earlier.count(stage.name)) complain(node, origin, fmt::format("two stages are named '{}'", stage.name));
  map.read_enum("streams", stage.streams, models::kStreamNames);
  map.read_enum("back_end", stage.back_end, models::kBackEndNames);
  if (map.node("audio_back_end"))
    map.read_enum("audio_back_end", stage.audio_back_end.emplace(), models::kBackEndNames);
  stage.load = read_loads(map.node("load"), origin, earlier);
  map.read("train", stage.train);
  if (stage.train.empty())
    complain(node, origin, fmt::format("stage '{}' trains nothing: 'train' is empty", stage.name));
  map.read("statistics_move", stage.statistics_move);
  map.read_enum("loss", stage.loss.kind, models::kLossNames);
  map.read("label_smoothing", stage.loss.label_smoothing, 0.f, 0.9f);
  map.read("middle_steps", stage.loss.middle_steps, 0, 65536);
  map.read("time_slack", stage.loss.time_slack, 0.0, 100.0);
  if (stage.back_end == models::BackEnd::temporal_conv && stage.loss.middle_steps > 0)
    complain(node, origin,
             fmt::format("stage '{}': middle_steps is for the recurrent back end: temporal_conv gives one step a clip",
                         stage.name));
  stage.optimizer = read_optimizer(map.node("optimizer"), origin);
  map.read("rate", stage.rate, 1e-9, 10.0);
  stage.decay = read_decay(map.node("decay"), origin);
  map.read("warm_up", stage.warm_up, 0.0, 1e5);
  map.read("batch", stage.batch, 1, 65536);
  map.read("accumulate", stage.accumulate, 1, 65536);
  if (stage.accumulate > stage.batch)
    complain(node, origin,
             fmt::format("stage '{}': {} clips of a batch cannot be computed in {} parts (accumulate)", stage.name,
                         stage.batch, stage.accumulate));
  map.read("epochs", stage.epochs, 1, 100000);
  map.read("patience", stage.patience, 0, 100000);
  map.finish();
  check_rate(node, origin, stage);
  return stage;
}

// What a text needs of a stage, and what only words have.
void check_targets(const YAML::Node& node, const std::string& origin, const Recipe& recipe, const Stage& stage) {
  const auto refuse = [&](const std::string& why) {
    complain(node, origin, fmt::format("stage '{}': {}", stage.name, why));
  };
  const bool ctc = stage.loss.kind == models::Loss::ctc;
  if (ctc != (recipe.data.targets == Targets::characters))
    refuse("the loss ctc and data.targets: characters go together: a network learns words by the other losses");
  if (!ctc && stage.loss.time_slack > 0) refuse("time_slack is of the loss ctc");
  if (!ctc) return;
  if (stage.back_end == models::BackEnd::temporal_conv)
    refuse("temporal_conv gives one step a clip, and the loss ctc needs one for each symbol: use recurrent or ms_tcn");
  if (stage.loss.middle_steps > 0 || stage.loss.label_smoothing > 0)
    refuse("middle_steps and label_smoothing are of words: a sentence has no one label");
  if (recipe.data.augment.mixup > 0 || recipe.data.augment.variable_length || recipe.data.background ||
      recipe.network.word_boundary)
    refuse(
        "data.augment.mixup, data.augment.variable_length, data.background and network.word_boundary are of words: "
        "leave them out for sentences");
}

// What the begun stages were trained by. The streams are here because they decide which clips are examples.
nlohmann::json pinned(const Recipe& recipe, const std::set<std::string>& begun) {
  nlohmann::json tree = recipe.tree;
  for (const char* free : {"name", "description", "stages"}) tree.erase(free);
  tree["streams of the stages"] = models::name_of(streams_of(recipe));
  for (const nlohmann::json& stage : recipe.tree.at("stages"))
    if (begun.count(stage.at("name").get<std::string>())) tree["stages"][stage.at("name").get<std::string>()] = stage;
  return tree;
}

}  // namespace

Recipe parse_recipe(const std::string& yaml, const std::string& origin, const std::vector<std::string>& overrides) {
  const YAML::Node root = load_tree(yaml, origin, overrides);
  Recipe recipe;
  StrictMap map(root, origin, "the recipe");
  map.read("name", recipe.name);
  if (recipe.name.empty()) complain(root, origin, "a recipe needs a 'name'");
  map.read("description", recipe.description);
  map.read("seed", recipe.seed);
  recipe.init = read_init(map.node("init"), origin);
  map.read("freeze", recipe.freeze);
  map.read("sync_batch_norm", recipe.sync_batch_norm);
  read_network(map.node("network"), origin, recipe.network);
  read_data(map.node("data"), origin, recipe.data);
  recipe.network.video.crop = recipe.data.geometry.input_size;
  const YAML::Node stages = map.node("stages");
  if (!stages || !stages.IsSequence() || stages.size() == 0)
    complain(root, origin, "'stages' should be a list of stages");
  std::set<std::string> names;
  for (const YAML::Node& node : stages) {
    recipe.stages.push_back(read_stage(node, origin, names));
    names.insert(recipe.stages.back().name);
    check_targets(node, origin, recipe, recipe.stages.back());
    if (recipe.data.augment.variable_length && recipe.stages.back().loss.middle_steps > 0)
      complain(
          node, origin,
          fmt::format("stage '{}': middle_steps counts on the word in the middle, which data.augment.variable_length "
                      "moves away from there",
                      recipe.stages.back().name));
  }
  map.finish();
  recipe.tree = to_json(root);
  if (overrides.empty()) {
    recipe.text = yaml;
  } else {
    YAML::Emitter out;
    out << root;
    recipe.text = fmt::format("# {} with {}\n{}\n", origin, fmt::join(overrides, " "), out.c_str());
  }
  return recipe;
}

Recipe load_recipe(const std::string& name_or_path, const std::vector<std::string>& overrides) {
  const auto& built_in = built_in_recipes();
  if (const auto found = built_in.find(name_or_path); found != built_in.end())
    return parse_recipe(found->second, found->first, overrides);
  if (std::filesystem::is_regular_file(name_or_path))
    return parse_recipe(io::read_text_file(name_or_path), name_or_path, overrides);
  std::vector<std::string> names;
  for (const auto& [name, text] : built_in) names.push_back(name);
  throw std::invalid_argument(fmt::format("[recipe] '{}' is neither a file nor a built-in recipe; these are: {}",
                                          name_or_path, fmt::join(names, ", ")));
}

std::vector<std::string> labels_of(const DataSettings& data) {
  std::vector<std::string> labels = data.symbols;
  if (!labels.empty()) labels.insert(labels.begin(), kBlankLabel);
  return labels;
}

models::Streams streams_of(const Recipe& recipe) {
  std::set<models::Streams> kinds;
  for (const Stage& stage : recipe.stages) kinds.insert(stage.streams);
  return together(kinds);
}

std::vector<std::string> differences(const Recipe& before, const Recipe& now, const std::set<std::string>& begun) {
  if (begun.empty()) return {};
  std::vector<std::string> paths;
  for (const nlohmann::json& change : nlohmann::json::diff(pinned(before, begun), pinned(now, begun))) {
    std::string path = change.at("path").get<std::string>().substr(1);
    std::replace(path.begin(), path.end(), '/', '.');
    paths.push_back(std::move(path));
  }
  return paths;
}

int clips_of_part(const Stage& stage) { return (stage.batch + stage.accumulate - 1) / stage.accumulate; }

models::NetworkConfig network_of(const Recipe& recipe, const Stage& stage, int labels) {
  models::NetworkConfig config = recipe.network;
  config.streams = stage.streams;
  config.back_end = stage.back_end;
  config.audio_back_end = stage.audio_back_end;
  config.labels = labels;
  if (stage.back_end == models::BackEnd::temporal_conv) config.word_boundary = false;
  if (stage.streams != models::Streams::audiovisual) config.modality_dropout = {};
  config.validate();
  return config;
}

}  // namespace avsr::pipeline
