#include "pipeline/training/search_space.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <cmath>
#include <set>
#include <utility>

#include "pipeline/strict_yaml.h"
#include "preprocessing/random.h"

namespace avsr::pipeline {
namespace {

using Kind = Dimension::Kind;

constexpr std::pair<Kind, const char*> kKindNames[] = {
    {Kind::choose, "choose"}, {Kind::uniform, "uniform"}, {Kind::log, "log"}, {Kind::integer, "integer"}};

std::string flow_text(const YAML::Node& node) {
  YAML::Emitter emitter;
  emitter.SetSeqFormat(YAML::Flow);
  emitter.SetMapFormat(YAML::Flow);
  emitter << node;
  return emitter.c_str();
}

std::string key_of(const YAML::Node& node, const std::string& origin) {
  if (!node.IsScalar()) complain(node, origin, fmt::format("expected a key of the recipe, found {}", flow_text(node)));
  return node.Scalar();
}

void read_values(const YAML::Node& list, const std::string& origin, Dimension& dimension) {
  if (!list.IsSequence() || list.size() == 0)
    complain(list, origin, fmt::format("{}: expected a list of values to choose from", dimension.key));
  for (const YAML::Node& value : list) dimension.values.push_back(flow_text(value));
}

void read_range(const YAML::Node& range, const std::string& origin, Dimension& dimension) {
  const auto bad = [&](const std::string& what) {
    complain(range, origin,
             fmt::format("{}: expected [lowest, highest] {}, found {}", dimension.key, what, flow_text(range)));
  };
  if (!range.IsSequence() || range.size() != 2) bad("as two numbers");
  try {
    dimension.low = range[0].as<double>();
    dimension.high = range[1].as<double>();
  } catch (const YAML::Exception&) {
    bad("as two numbers");
  }
  if (!std::isfinite(dimension.low) || !std::isfinite(dimension.high) || !(dimension.low < dimension.high))
    bad("with the lower one first");
  if (dimension.kind == Kind::log && dimension.low <= 0) bad("above 0 for a logarithmic range");
  const auto whole = [](double value) { return value == std::round(value) && std::abs(value) < 1e9; };
  if (dimension.kind == Kind::integer && (!whole(dimension.low) || !whole(dimension.high))) bad("as whole numbers");
}

Dimension read_dimension(const std::string& key, const YAML::Node& node, const std::string& origin) {
  Dimension dimension;
  dimension.key = key;
  if (node.IsSequence()) {
    read_values(node, origin, dimension);
    return dimension;
  }
  if (node.IsMap() && node.size() == 1) {
    const std::string kind = key_of(node.begin()->first, origin);
    for (const auto& [value, name] : kKindNames) {
      if (kind != name) continue;
      dimension.kind = value;
      value == Kind::choose ? read_values(node.begin()->second, origin, dimension)
                            : read_range(node.begin()->second, origin, dimension);
      return dimension;
    }
  }
  complain(
      node, origin,
      fmt::format("{}: expected a list of values, or one of {{choose: [...]}}, {{uniform: [low, high]}}, {{log: [low, "
                  "high]}}, {{integer: [low, high]}}; found {}",
                  key, flow_text(node)));
}

// Four digits: a search does not need more, and a reader fewer.
std::string number_text(double value) { return fmt::format("{:.4g}", value); }

std::string value_of(const Dimension& dimension, preprocessing::Random random) {
  switch (dimension.kind) {
    case Kind::choose:
      return dimension.values[random.below(dimension.values.size())];
    case Kind::uniform:
      return number_text(random.uniform(dimension.low, dimension.high));
    case Kind::log:
      return number_text(std::exp(random.uniform(std::log(dimension.low), std::log(dimension.high))));
    case Kind::integer:
      return fmt::format("{}", random.between(static_cast<int>(dimension.low), static_cast<int>(dimension.high)));
  }
  throw std::logic_error("[tune] unknown kind of a dimension");
}

}  // namespace

SearchSpace parse_space(const std::string& yaml, const std::string& origin) {
  SearchSpace space;
  space.text = yaml;
  YAML::Node root;
  try {
    root = YAML::Load(yaml);
  } catch (const YAML::Exception& error) {
    throw std::invalid_argument(fmt::format("{}: no YAML: {}", origin, error.what()));
  }
  if (!root.IsMap() || root.size() == 0)
    complain(root, origin,
             "expected a mapping of recipe keys to what they may be, such as stages.*.rate: {log: [1e-4, 1e-2]}");
  std::set<std::string> keys;
  for (const auto& entry : root) {
    const std::string key = key_of(entry.first, origin);
    if (!keys.insert(key).second) complain(entry.first, origin, fmt::format("{} stands twice", key));
    space.dimensions.push_back(read_dimension(key, entry.second, origin));
  }
  return space;
}

std::vector<std::string> draw(const SearchSpace& space, uint64_t seed, int trial) {
  std::vector<std::string> overrides;
  for (const Dimension& dimension : space.dimensions) {
    const uint64_t key =
        preprocessing::derive_key(seed, static_cast<uint64_t>(trial), preprocessing::hash_text(dimension.key));
    overrides.push_back(fmt::format("{}={}", dimension.key, value_of(dimension, preprocessing::Random(key))));
  }
  return overrides;
}

}  // namespace avsr::pipeline
