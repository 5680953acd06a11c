#include "pipeline/evaluation/evaluate.h"

#include <fmt/format.h>

#include <algorithm>

#include "pipeline/evaluation/evaluator.h"

namespace avsr::pipeline {
namespace {

std::optional<size_t> first_of(const TestedModels& models, models::Streams streams) {
  for (size_t m = 0; m < models.size(); ++m)
    if (models[m]->streams() == streams) return m;
  return std::nullopt;
}

std::optional<FusedModels> fused_of(const TestedModels& models) {
  const auto audio = first_of(models, models::Streams::audio), video = first_of(models, models::Streams::video);
  if (!audio || !video) return std::nullopt;
  return FusedModels{*audio, *video};
}

}  // namespace

std::vector<Condition> conditions_of(const EvaluationSettings& settings) {
  std::vector<Condition> sounds;
  if (std::any_of(settings.levels_db.begin(), settings.levels_db.end(), [](const auto& level) { return !level; }))
    sounds.emplace_back();
  for (size_t n = 0; n < settings.noises.size(); ++n)
    for (const auto& level : settings.levels_db)
      if (level) sounds.push_back({static_cast<int>(n), level, std::nullopt});
  std::vector<Condition> conditions = sounds;
  for (const VideoDamage& damage : settings.damages)
    for (Condition sound : sounds) {
      sound.damage = damage;
      conditions.push_back(sound);
    }
  for (const models::Streams missing : settings.missing) {
    if (missing == models::Streams::audio) {
      conditions.push_back({.damage = std::nullopt, .missing = missing});  // where nothing is heard, no noise is
      continue;
    }
    for (Condition sound : sounds) {
      sound.missing = missing;
      conditions.push_back(sound);
    }
  }
  return conditions;
}

Evaluation evaluate(const TestedModels& models, const EvaluationSettings& settings, const EvaluationTick& tick) {
  Evaluator evaluator(models, settings, settings.split, tick);  // says what does not fit before anything is chosen
  const std::optional<FusedModels> fused = fused_of(models);
  std::vector<FusionWay> ways;
  std::vector<double> temperatures;
  nlohmann::json fusion;
  // What is chosen on the split that is reported would be reported too good.
  const bool chooses = !settings.choose_on.empty() && settings.choose_on != settings.split,
             can_choose = chooses && open_prepared(settings.data, settings.choose_on).size() > 0;
  if (can_choose) {
    EvaluationSettings choosing = settings;
    choosing.split = settings.choose_on;
    choosing.damages.clear();
    choosing.missing.clear();
    if (!fused) choosing.levels_db = {std::nullopt};
    Evaluator chooser(models, choosing, settings.split, tick);
    const Chosen chosen = chooser.choose(fused);
    temperatures = chosen.temperatures;
    if (fused) {
      ways = chosen.fusion.ways();
      fusion = {{"split", settings.choose_on}, {"rules", chosen.fusion.describe(chooser.condition_names())}};
    }
  }
  Evaluation evaluation = evaluator.test(fused, ways);
  for (size_t m = 0; m < temperatures.size(); ++m)
    evaluation.temperatures[evaluation.models[m].at("name").get<std::string>()] = temperatures[m];
  evaluation.fusion = fusion;
  if (chooses && !can_choose)
    evaluation.notes.push_back(fmt::format(
        "no temperature of calibration and no decision fusion: split '{}', on which they are chosen, has no clips",
        settings.choose_on));
  return evaluation;
}

}  // namespace avsr::pipeline
