#include "pipeline/training/recipe_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <memory>
#include <stdexcept>

#include "models/model_file.h"
#include "models/network.h"

namespace avsr::pipeline {
namespace {

using Networks = std::map<std::string, std::unique_ptr<models::Network>>;  // by stage, declared only

Networks check_stages(backend::Backend& backend, const Recipe& recipe) {
  Networks networks;
  for (const Stage& stage : recipe.stages) {
    try {
      // Paths do not depend on the number of labels, which only the data know.
      auto network = models::declare_network(backend, network_of(recipe, stage, 1));
      for (const Load& load : stage.load)
        models::check_parts(networks.at(load.from)->parameters(), network->parameters(), load.parts);
      network->parameters().train_only(stage.train);
      freeze(network->parameters(), recipe.freeze);
      if (network->parameters().frozen(""))
        throw std::invalid_argument(
            fmt::format("nothing is left to train: {} is frozen", fmt::join(recipe.freeze, ", ")));
      networks[stage.name] = std::move(network);
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(
          fmt::format("[train] stage '{}' of recipe '{}': {}", stage.name, recipe.name, error.what()));
    }
  }
  return networks;
}

// A mistyped path freezes nothing.
void check_frozen_paths(const Recipe& recipe, const Networks& networks) {
  for (const std::string& path : recipe.freeze)
    if (std::none_of(networks.begin(), networks.end(),
                     [&](const auto& network) { return has_path(network.second->parameters(), path); }))
      throw std::invalid_argument(
          fmt::format("[train] no network of recipe '{}' has parameters under {} to freeze", recipe.name, path));
}

// A model of other sizes brings nothing.
void check_ancestor(const Recipe& recipe, const Networks& networks, const Ancestor& ancestor) {
  std::vector<std::string> reasons;
  for (const Stage& stage : recipe.stages) {
    const Inheritance inheritance = ancestor.plan(*networks.at(stage.name), {}, stage.load);
    if (!inheritance.loaded.empty()) return;
    if (reasons.empty()) reasons = inheritance.fresh;
  }
  throw std::invalid_argument(fmt::format("[train] recipe '{}' can take nothing over from {}: {}", recipe.name,
                                          ancestor.path(), fmt::join(reasons, ", ")));
}

}  // namespace

void check_recipe(backend::Backend& backend, const Recipe& recipe, const Ancestor* ancestor,
                  const std::vector<std::string>& stages) {
  for (const std::string& name : stages)
    if (std::none_of(recipe.stages.begin(), recipe.stages.end(),
                     [&](const Stage& stage) { return stage.name == name; }))
      throw std::invalid_argument(fmt::format("[train] the recipe '{}' has no stage '{}'", recipe.name, name));
  const Networks networks = check_stages(backend, recipe);
  check_frozen_paths(recipe, networks);
  if (ancestor) check_ancestor(recipe, networks, *ancestor);
}

}  // namespace avsr::pipeline
