#include "pipeline/training/optimizer_settings.h"

#include <utility>

#include "pipeline/strict_yaml.h"

namespace avsr::pipeline {
namespace {

using Kind = Optimizer::Kind;

constexpr std::pair<Kind, const char*> kKindNames[] = {{Kind::adam, "adam"},
                                                       {Kind::adamw, "adamw"},
                                                       {Kind::sgd, "sgd"},
                                                       {Kind::adagrad, "adagrad"},
                                                       {Kind::rmsprop, "rmsprop"}};

void set_defaults(Optimizer& optimizer) {
  optimizer.decoupled = optimizer.kind == Kind::adamw;
  if (optimizer.kind == Kind::rmsprop) optimizer.momentum = 0;
  if (optimizer.kind == Kind::adagrad) optimizer.epsilon = 1e-10f;
}

}  // namespace

Optimizer read_optimizer(const YAML::Node& node, const std::string& origin) {
  Optimizer optimizer;
  if (!node) return optimizer;
  if (node.IsScalar()) {  // only its name
    YAML::Node map;
    map["kind"] = node;
    return read_optimizer(map, origin);
  }
  StrictMap map(node, origin, "optimizer");
  map.read_enum("kind", optimizer.kind, kKindNames);
  set_defaults(optimizer);
  map.read("weight_decay", optimizer.weight_decay, 0.f, 1.f);
  map.read("decoupled", optimizer.decoupled);
  map.read("clip_norm", optimizer.clip_norm, 0.f, 1e9f);
  const Kind kind = optimizer.kind;
  const auto only_for = [&](const char* key, std::initializer_list<Kind> users) {
    map.require_use(key, kind, users, kKindNames);
  };
  only_for("momentum", {Kind::sgd, Kind::rmsprop});
  map.read("momentum", optimizer.momentum, 0.f, 1.f);
  only_for("beta1", {Kind::adam, Kind::adamw});
  map.read("beta1", optimizer.beta1, 0.f, 0.9999f);
  only_for("beta2", {Kind::adam, Kind::adamw});
  map.read("beta2", optimizer.beta2, 0.f, 0.999999f);
  only_for("smoothing", {Kind::rmsprop});
  map.read("smoothing", optimizer.smoothing, 0.f, 0.999999f);
  only_for("epsilon", {Kind::adam, Kind::adamw, Kind::adagrad, Kind::rmsprop});
  map.read("epsilon", optimizer.epsilon, 1e-20f, 1.f);
  map.finish();
  if (kind == Kind::adamw && !optimizer.decoupled)
    complain(map.node("decoupled"), origin,
             "adamw is adam with decoupled weight decay: say 'kind: adam' for the other");
  return optimizer;
}

}  // namespace avsr::pipeline
