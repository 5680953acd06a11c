#include "pipeline/training/rate_settings.h"

#include <fmt/format.h>

#include <utility>

#include "pipeline/strict_yaml.h"

namespace avsr::pipeline {
namespace {

using Kind = Decay::Kind;

constexpr std::pair<Kind, const char*> kKindNames[] = {{Kind::constant, "constant"}, {Kind::paper, "paper"},
                                                       {Kind::step, "step"},         {Kind::exponential, "exponential"},
                                                       {Kind::inverse, "inverse"},   {Kind::plateau, "plateau"},
                                                       {Kind::cosine, "cosine"},     {Kind::one_cycle, "one_cycle"}};
constexpr std::pair<Decay::Watch, const char*> kWatchNames[] = {{Decay::Watch::accuracy, "accuracy"},
                                                                {Decay::Watch::loss, "loss"}};

constexpr double kShortest = 1e-3, kLongest = 1e5;  // epochs

}  // namespace

const char* name_of(Kind kind) {
  for (const auto& [known, name] : kKindNames)
    if (known == kind) return name;
  return "";
}

Decay read_decay(const YAML::Node& node, const std::string& origin) {
  Decay decay;
  if (!node) return decay;
  if (node.IsScalar()) {  // only its name
    YAML::Node map;
    map["kind"] = node;
    return read_decay(map, origin);
  }
  StrictMap map(node, origin, "decay");
  map.read_enum("kind", decay.kind, kKindNames);
  const Kind kind = decay.kind;
  const auto only_for = [&](const char* key, std::initializer_list<Kind> users) {
    map.require_use(key, kind, users, kKindNames);
  };
  only_for("factor", {Kind::step, Kind::exponential, Kind::plateau});
  map.read("factor", decay.factor, 1e-6, 1 - 1e-6);
  only_for("every", {Kind::step});
  if (map.node("every")) map.read("every", decay.every, kShortest, kLongest);
  only_for("half_after", {Kind::inverse});
  if (map.node("half_after")) map.read("half_after", decay.half_after, kShortest, kLongest);
  only_for("patience", {Kind::plateau});
  map.read("patience", decay.patience, 1, 100000);
  only_for("watch", {Kind::plateau});
  map.read_enum("watch", decay.watch, kWatchNames);
  only_for("lowest", {Kind::plateau, Kind::cosine});
  map.read("lowest", decay.lowest, 0.0, 10.0);
  const auto wants = [&](Kind which, const char* key, const char* example) {
    if (kind == which && !map.node(key))
      complain(node, origin, fmt::format("decay {} wants '{}': such as {}", name_of(kind), key, example));
  };
  wants(Kind::step, "every", "{kind: step, every: 10, factor: 0.1}");
  wants(Kind::exponential, "factor", "{kind: exponential, factor: 0.95}");
  wants(Kind::inverse, "half_after", "{kind: inverse, half_after: 10}");
  map.finish();
  return decay;
}

}  // namespace avsr::pipeline
