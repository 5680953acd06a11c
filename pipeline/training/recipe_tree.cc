#include "pipeline/training/recipe_tree.h"

#include <fmt/format.h>

#include <set>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "pipeline/strict_yaml.h"

namespace avsr::pipeline {
namespace {

// Texts end up in JSON, which is UTF-8.
bool is_utf8(const std::string& text) {
  try {
    nlohmann::json(text).dump();
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

// A tree as deep or as large as no recipe is: an alias that holds itself, or aliases of aliases that multiply.
void check_tree(const YAML::Node& node, const std::string& origin, int depth, int& nodes) {
  constexpr int kDeepest = 32, kMostNodes = 100'000;
  if (depth > kDeepest || ++nodes > kMostNodes)
    complain(node, origin, "nested too deeply or too large: does an alias hold itself?");
  if (node.IsScalar() && !is_utf8(node.Scalar()))
    complain(node, origin, "not UTF-8 text: save the recipe in that encoding");
  if (node.IsMap()) {
    std::set<std::string> keys;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) complain(entry.first, origin, "expected a name before the colon");
      if (!keys.insert(entry.first.Scalar()).second)
        complain(entry.first, origin, fmt::format("'{}' stands twice", entry.first.Scalar()));
      check_tree(entry.second, origin, depth + 1, nodes);
    }
  } else if (node.IsSequence()) {
    for (const auto& child : node) check_tree(child, origin, depth + 1, nodes);
  }
}

// (YAML::Clone keeps the aliases that lie inside.) Scalars keep their line.
YAML::Node copy_of(const YAML::Node& node) {
  if (!node.IsMap() && !node.IsSequence()) return node;
  YAML::Node copy(node.Type());
  if (node.IsMap())
    for (const auto& entry : node) copy[entry.first] = copy_of(entry.second);
  else
    for (const YAML::Node& child : node) copy.push_back(copy_of(child));
  return copy;
}

// The tree with a copy in place of every alias: what is written into one must not be seen in the others. An alias
// stands at its anchor's place in the text, so a place that is met again is one. Of bounded size after check_tree.
using Places = std::set<std::pair<int, YAML::NodeType::value>>;
YAML::Node unshared(YAML::Node node, Places& seen, bool& again) {
  again = !seen.emplace(node.Mark().pos, node.Type()).second;
  if (again) return copy_of(node);
  bool child_again = false;
  if (node.IsMap()) {
    std::vector<std::pair<YAML::Node, YAML::Node>> changed;
    for (const auto& entry : node)
      if (const YAML::Node own = unshared(entry.second, seen, child_again); child_again || !own.is(entry.second))
        changed.emplace_back(entry.first, own);
    for (const auto& [key, own] : changed) {
      node.remove(key);
      node[key] = own;
    }
    return node;
  }
  if (!node.IsSequence()) return node;
  YAML::Node list(YAML::NodeType::Sequence);
  for (const YAML::Node& child : node) list.push_back(unshared(child, seen, child_again));
  return list;
}

// "<<: *anchor": the keys of another mapping that this one does not set itself (yaml-cpp leaves that to the reader).
// "<<: [*a, *b]": the same with several, the first first.
void merge_anchors(YAML::Node node, const std::string& origin) {
  if (node.IsMap()) {
    if (const YAML::Node given = node["<<"]) {
      node.remove("<<");
      std::vector<YAML::Node> bases;
      if (given.IsSequence())
        for (const YAML::Node& base : given) bases.push_back(base);
      else
        bases.push_back(given);
      for (const YAML::Node& base : bases) {
        if (!base.IsMap()) complain(base, origin, "'<<' expects an alias of a mapping, such as <<: *name");
        for (const auto& entry : base)
          // Scalars keep their line; what can be written into must not be shared.
          if (!node[entry.first.Scalar()])
            node[entry.first.Scalar()] = entry.second.IsScalar() ? entry.second : YAML::Clone(entry.second);
      }
    }
    for (const auto& entry : node) merge_anchors(entry.second, origin);
  } else if (node.IsSequence()) {
    for (const auto& child : node) merge_anchors(child, origin);
  }
}

// One "a.b=value" written into the tree before it is read, so that it is checked like the rest. The key need not stand
// in the recipe; the strict reading complains about one that nobody knows.
void apply_override(YAML::Node root, const std::string& text, const std::string& origin) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw std::invalid_argument(fmt::format("{}: [recipe] '{}' is no KEY=VALUE", origin, text));
  std::vector<std::string> path;
  std::stringstream keys(text.substr(0, equals));
  for (std::string key; std::getline(keys, key, '.');) path.push_back(key);
  YAML::Node value;
  try {
    value = YAML::Load(text.substr(equals + 1));
  } catch (const YAML::Exception& error) {
    throw std::invalid_argument(
        fmt::format("{}: [recipe] '{}': the value is no YAML ({}); expected KEY=VALUE", origin, text, error.msg));
  }
  int size = 0;
  check_tree(value, fmt::format("{}: '{}'", origin, text), 0, size);

  std::vector<YAML::Node> nodes{root};
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    std::vector<YAML::Node> next;
    for (YAML::Node node : nodes) {
      if (node.IsSequence()) {
        for (YAML::Node child : node)
          if (path[i] == "*" || (child["name"] && child["name"].Scalar() == path[i])) next.push_back(child);
      } else {
        next.push_back(node[path[i]]);
      }
    }
    if (next.empty())
      throw std::invalid_argument(fmt::format("{}: [recipe] '{}': there is no '{}'", origin, text, path[i]));
    nodes.swap(next);  // assigning YAML nodes would write into the tree
  }
  for (YAML::Node node : nodes) {
    if (node.IsSequence() || node.IsScalar())
      throw std::invalid_argument(fmt::format("{}: [recipe] '{}' does not end at a key of a mapping", origin, text));
    node[path.back()] = value;
  }
}

}  // namespace

YAML::Node load_tree(const std::string& yaml, const std::string& origin, const std::vector<std::string>& overrides) {
  YAML::Node root;
  try {
    root = YAML::Load(yaml);
  } catch (const YAML::Exception& error) {
    throw std::invalid_argument(fmt::format("{}:{}: [recipe] {}", origin, error.mark.line + 1, error.msg));
  }
  if (!root.IsMap()) complain(root, origin, "a recipe is a mapping of keys to values");
  int nodes = 0;
  check_tree(root, origin, 0, nodes);
  Places seen;
  bool again = false;
  root = unshared(root, seen, again);
  merge_anchors(root, origin);
  for (const std::string& text : overrides) apply_override(root, text, origin);
  return root;
}

nlohmann::json to_json(const YAML::Node& node) {
  if (node.IsScalar()) return node.Scalar();
  if (node.IsNull()) return nullptr;
  nlohmann::json json = node.IsMap() ? nlohmann::json::object() : nlohmann::json::array();
  if (node.IsMap())
    for (const auto& entry : node) json[entry.first.Scalar()] = to_json(entry.second);
  else
    for (const YAML::Node& child : node) json.push_back(to_json(child));
  return json;
}

}  // namespace avsr::pipeline
