// Starting a run from a model that was trained elsewhere, perhaps on other words, and keeping parts of it as they are.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "models/layers/parameters.h"
#include "models/model_file.h"
#include "pipeline/data/input_rule.h"
#include "pipeline/training/recipe.h"

namespace avsr::pipeline {

// What a network takes over from models, by parts such as video/trunk.
struct Inheritance {
  std::vector<std::string> loaded;
  std::vector<std::string> fresh;  // with the reason: "video/head (500 other words there)"
  std::string text() const;        // "loads …; new: …"
};

// The model files that a recipe's `init` names. Each part of a network comes from the first of them that has it.
class Ancestor {
 public:
  struct Model {
    std::string path, hash;  // hash: of the file's bytes, hex digits
    models::ModelFile header;
    InputRule rule;
    std::map<std::string, backend::Shape> shapes;
  };

  // Throws std::runtime_error naming the file when it is no model, std::invalid_argument on no path.
  explicit Ancestor(const std::vector<std::string>& paths);

  const std::vector<Model>& models() const { return models_; }
  std::string path() const;  // all of them, parted by commas

  // What a network with these words takes over of all that `loads` does not bring from earlier stages: a part is loaded
  // when all of it is in the model with the same shapes and activation, and what tells words apart only when the words
  // are the same.
  Inheritance plan(models::Network& network, const std::vector<std::string>& words,
                   const std::vector<Load>& loads) const;
  // Copies it. The memory of the network's parameters is there.
  Inheritance load(models::Network& network, const std::vector<std::string>& words,
                   const std::vector<Load>& loads) const;

 private:
  struct Choice {
    Inheritance inheritance;
    std::vector<std::vector<std::string>> parts;  // of each model
  };
  Choice choose(models::Network& network, const std::vector<std::string>& words, const std::vector<Load>& loads) const;

  std::vector<Model> models_;
};

// A recipe with `init` but without `network` gets the first model's sizes, and without `data` that model's crop and
// size of the input, window and normalisation. Others stay as they are. Throws what Ancestor throws.
void take_over_sizes(Recipe& recipe);

// What a run that starts from models feeds its networks: pixels normalised by the statistics of the first that looks,
// where kind and geometry are the same (a frozen trunk expects them), and the silence behind the sound that the pooling
// of the first that listens asks for.
// Returns what was not taken over and why, in lines for the user. rule.pixels is set when the result's `pixels` is
// true.
struct AdoptedRule {
  bool pixels = false;
  std::vector<std::string> notes;
};
AdoptedRule adopt(const Ancestor& ancestor, const models::NetworkConfig& network, InputRule& rule);

// Parts that do not train and come from nowhere: neither loaded from a stage nor inherited, they stay as they were
// drawn.
std::vector<std::string> random_and_frozen(const layers::ParameterArena& arena, const std::vector<Load>& loads,
                                           const Inheritance& inheritance);

bool has_path(const layers::ParameterArena& arena, const std::string& path);

// Freezes what lies under these paths, whatever a stage trains. Paths that the network lacks are left out.
void freeze(layers::ParameterArena& arena, const std::vector<std::string>& paths);

}  // namespace avsr::pipeline
