// From a recipe's text to a tree of values that is safe to read: no endless aliases, merged anchors, overrides written
// in.
#pragma once

#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace avsr::pipeline {

// `overrides` as parse_recipe() takes them. Throws std::invalid_argument with origin and line for what is no YAML, no
// mapping, not UTF-8, nested without end, or says a key twice.
YAML::Node load_tree(const std::string& yaml, const std::string& origin, const std::vector<std::string>& overrides);

// The same values as JSON: scalars as their text, keys sorted. Anchors and comments are gone, so that two texts that
// mean the same are equal.
nlohmann::json to_json(const YAML::Node& node);

}  // namespace avsr::pipeline
