// A recipe: the whole staged schedule as data. It says what networks are built, how clips become batches, and for each
// stage what is loaded from which earlier stage, what trains, and when it ends. Written as YAML; see recipes/.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "models/loss.h"
#include "models/network_config.h"
#include "pipeline/data/dataset.h"
#include "pipeline/training/optimizer_settings.h"
#include "pipeline/training/rate_settings.h"
#include "preprocessing/augment.h"
#include "preprocessing/noise_bank.h"
#include "preprocessing/normalise.h"

namespace avsr::pipeline {

// How a clip becomes a training example. Pixels are counted in the prepared mouth crops.
struct DataSettings {
  // Of a word cut from a sentence, around the word's middle. A clip with a label stays whole, and where all clips have
  // one their median length takes its place.
  int window_frames = 29;
  Targets targets = Targets::words;  // characters: sentences are whole, and all stages' loss is ctc
  std::vector<std::string> symbols;  // of the targets characters, in place of those that the training texts have
  bool background = false;  // a further label for windows of sentences in which no word is spoken: for `transcribe`
  // In training, windows cut from sentences move at random by up to this many frames either way, fractions too: a
  // consonant's burst is shorter than a frame, and should be met at every place in one.
  double shift_frames = 0;
  preprocessing::FrameGeometry geometry;  // crop and size: random in training, central otherwise
  preprocessing::PixelNormalisation normalisation = preprocessing::PixelNormalisation::training_set;
  preprocessing::AugmentSettings augment;
  preprocessing::BabbleSettings babble;                       // of training and validation, from their own utterances
  std::vector<double> noise_levels_db{20, 15, 10, 5, 0, -5};  // mixed in, equally likely …
  bool clean = true;                                          // … with the clean clip as one more level
};

// Parts of an earlier stage's result: whole components of parameter paths, such as video/trunk.
struct Load {
  std::string from;
  std::vector<std::string> parts;
};

struct Stage {
  std::string name;
  models::Streams streams = models::Streams::audiovisual;
  models::BackEnd back_end = models::BackEnd::recurrent;
  std::optional<models::BackEnd> audio_back_end;  // of an audiovisual network, where it is another
  std::vector<Load> load;
  std::vector<std::string> train;  // parameter paths; everything else is frozen
  bool statistics_move = false;    // batch-norm statistics of frozen parts move, as in the public code
  models::LossSettings loss;
  Optimizer optimizer;
  double rate = 3e-4;
  Decay decay;
  double warm_up = 0;  // epochs in which the rate rises to its value
  int batch = 36;      // clips of an optimizer step
  int accumulate = 1;  // parts that a batch is computed in, one after the other
  int epochs = 30;
  int patience = 0;  // epochs without a better validation accuracy before the stage ends; 0: never
};

struct Recipe {
  std::string name;
  std::string description;
  uint64_t seed = 1;
  std::vector<std::string> init;    // model files that fill what stages do not load from each other, the first that can
  std::vector<std::string> freeze;  // parameter paths that no stage trains
  // Batch norm in training takes its statistics over the clips of all ranks (docs/cluster.md), as one process on the
  // whole batch would; else each rank's are those of its part.
  bool sync_batch_norm = false;
  models::NetworkConfig network;  // streams, back end and labels are set for each stage
  DataSettings data;
  std::vector<Stage> stages;
  std::string text;  // the YAML it was read from
  // The same as a tree of keys and texts (anchors merged, overrides included; 1e-3 and 0.001 differ): what two recipes
  // are compared by.
  nlohmann::json tree;
};

// Clips of the largest part of a batch: what takes memory at once.
int clips_of_part(const Stage& stage);

// Reads a recipe. `overrides` are KEY=VALUE with a path as key: "seed=7", "data.size=44", "stages.fusion.epochs=3", or
// "stages.*.epochs=3" for all stages. Throws std::invalid_argument with origin and line on an unknown key, a value of
// the wrong kind or out of range, a stage that loads from a stage that does not stand before it, and two stages of one
// name.
Recipe parse_recipe(const std::string& yaml, const std::string& origin, const std::vector<std::string>& overrides = {});

// A built-in recipe's name, or the path of a YAML file.
Recipe load_recipe(const std::string& name_or_path, const std::vector<std::string>& overrides = {});

// What Dataset is to take as labels: the recipe's symbols behind the blank; else empty, as it finds them.
std::vector<std::string> labels_of(const DataSettings& data);

// The streams that the stages need, taken together.
models::Streams streams_of(const Recipe& recipe);

// In what two recipes differ that touches stages already begun: the paths of keys, such as "data.size" or
// "stages.fusion.rate". Nothing while no stage is begun; names, descriptions and the other stages may differ.
std::vector<std::string> differences(const Recipe& before, const Recipe& now, const std::set<std::string>& begun);

// The recipes of the folder recipes/, built into the program: name -> YAML text.
const std::map<std::string, std::string>& built_in_recipes();

// The network of one stage: the recipe's sizes with the stage's streams and back end, `labels` classes. The word
// boundary is no input of the temporal-conv back end, modality dropout only one of audiovisual networks.
models::NetworkConfig network_of(const Recipe& recipe, const Stage& stage, int labels);

}  // namespace avsr::pipeline
