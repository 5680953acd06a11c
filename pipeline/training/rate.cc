#include "pipeline/training/rate.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

namespace avsr::pipeline {
namespace {

constexpr double kWarmUpStart = 0.01;  // of the rate

double cosine(double from, double to, double t) {
  return to + (from - to) * 0.5 * (1 + std::cos(std::numbers::pi * t));
}

}  // namespace

void to_json(nlohmann::json& json, const PlateauState& state) {
  json = {
      {"epochs", state.epochs}, {"best", state.best}, {"stale_epochs", state.stale_epochs}, {"factor", state.factor}};
}

void from_json(const nlohmann::json& json, PlateauState& state) {
  json.at("epochs").get_to(state.epochs);
  json.at("best").get_to(state.best);
  json.at("stale_epochs").get_to(state.stale_epochs);
  json.at("factor").get_to(state.factor);
}

double rate_at(const Stage& stage, int epoch, double progress, const PlateauState& plateau) {
  const double rate = stage.rate, time = epoch + progress, since = time - stage.warm_up;
  if (since < 0) return rate * (kWarmUpStart + (1 - kWarmUpStart) * time / stage.warm_up);
  const Decay& decay = stage.decay;
  const double done = since / (stage.epochs - stage.warm_up);
  switch (decay.kind) {
    case Decay::Kind::constant:
      return rate;
    case Decay::Kind::paper:
      return since < 5 ? rate : rate * std::pow(0.5, (std::floor(since) - 4) / 5);
    case Decay::Kind::step:
      return rate * std::pow(decay.factor, std::floor(since / decay.every));
    case Decay::Kind::exponential:
      return rate * std::pow(decay.factor, since);
    case Decay::Kind::inverse:
      return rate / (1 + since / decay.half_after);
    case Decay::Kind::plateau:
      return std::max(decay.lowest, rate * plateau.factor);
    case Decay::Kind::cosine:
      return cosine(rate, decay.lowest, done);
    case Decay::Kind::one_cycle:
      return done < 0.3 ? cosine(rate / 25, rate, done / 0.3) : cosine(rate, rate / 1e4, (done - 0.3) / 0.7);
  }
  return rate;
}

bool observe(const Stage& stage, int epoch, double accuracy, double loss, PlateauState& plateau) {
  if (stage.decay.kind != Decay::Kind::plateau) return false;
  const bool of_loss = stage.decay.watch == Decay::Watch::loss;
  const double result = of_loss ? loss : accuracy;
  const bool better = plateau.epochs == 0 || (of_loss ? result < plateau.best : result > plateau.best);
  ++plateau.epochs;
  if (better) plateau.best = result;
  plateau.stale_epochs = better || epoch < stage.warm_up ? 0 : plateau.stale_epochs + 1;
  if (plateau.stale_epochs < stage.decay.patience) return false;
  plateau.stale_epochs = 0;
  if (stage.rate * plateau.factor <= stage.decay.lowest) return false;
  plateau.factor *= stage.decay.factor;
  return true;
}

}  // namespace avsr::pipeline
