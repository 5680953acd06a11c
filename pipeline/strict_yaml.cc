#include "pipeline/strict_yaml.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>

#include "pipeline/suggest.h"

namespace avsr::pipeline {

void complain(const YAML::Node& node, const std::string& origin, const std::string& text) {
  const int line = node.IsDefined() && !node.Mark().is_null() ? node.Mark().line + 1 : 0;
  throw std::invalid_argument(line > 0 ? fmt::format("{}:{}: [recipe] {}", origin, line, text)
                                       : fmt::format("{}: [recipe] {}", origin, text));
}

StrictMap::StrictMap(const YAML::Node& node, std::string origin, std::string where)
    : map_(node), origin_(std::move(origin)), where_(std::move(where)) {
  if (!map_.IsMap()) complain(map_, origin_, fmt::format("{} should be a mapping of keys to values", where_));
}

YAML::Node StrictMap::node(const std::string& key) {
  known_.push_back(key);
  // operator[] of a constant node does not insert the key.
  const YAML::Node& constant = map_;
  return constant[key];
}

void StrictMap::wrong_kind(const YAML::Node& found, const std::string& key) {
  complain(found, origin_,
           fmt::format("the value of '{}' in {} is of the wrong kind: {}", key, where_,
                       found.IsScalar() ? "'" + found.Scalar() + "'" : std::string("a list or a mapping")));
}

void StrictMap::out_of_range(const std::string& key, double lowest, double highest) {
  complain(node(key), origin_, fmt::format("'{}' in {} must lie between {} and {}", key, where_, lowest, highest));
}

void StrictMap::unknown_name(const std::string& key, const std::string& text, const std::vector<std::string>& names) {
  complain(node(key), origin_,
           fmt::format("'{}' in {} is '{}', expected one of: {}", key, where_, text, fmt::join(names, ", ")));
}

void StrictMap::unused(const std::string& key, const std::string& kind, const std::vector<std::string>& users) {
  complain(
      node(key), origin_,
      fmt::format("'{}' in {} is for {}, and this one is {}: leave it out", key, where_, fmt::join(users, ", "), kind));
}

void StrictMap::finish() {
  for (const auto& entry : map_) {
    const std::string key = entry.first.Scalar();
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    const auto nearest = nearest_names(key, known_);
    complain(entry.first, origin_,
             fmt::format("unknown key '{}' in {}; {}: {}", key, where_, nearest.empty() ? "known are" : "did you mean",
                         fmt::join(nearest.empty() ? known_ : nearest, ", ")));
  }
}

}  // namespace avsr::pipeline
