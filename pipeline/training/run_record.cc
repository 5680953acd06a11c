#include "pipeline/training/run_record.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ctime>
#include <set>
#include <stdexcept>

#include "io/atomic_file.h"
#include "pipeline/training/stage_checkpoints.h"

namespace avsr::pipeline {
namespace {

std::filesystem::path run_path(const std::filesystem::path& out) { return out / "run.json"; }

std::string recipe_path(const std::filesystem::path& out) { return (out / "recipe.yaml").string(); }

// A mistake in a late stage may be mended without repeating the stages before it.
void require_recipe(const RunSettings& settings, const nlohmann::json& run) {
  const Recipe& recipe = settings.recipe;
  const std::string out = settings.out.string(), file = recipe_path(settings.out);
  const std::string text = io::read_text_file(file);
  if (text == recipe.text) return;
  std::set<std::string> begun;
  const Recipe before = parse_recipe(text, file);
  for (const Stage& stage : before.stages)
    if (stage_finished(settings.out, run, stage.name) || StageCheckpoints(settings.out / stage.name, 0).any())
      begun.insert(stage.name);
  if (const std::vector<std::string> changes = differences(before, recipe, begun); !changes.empty())
    throw std::runtime_error(fmt::format(
        "[train] {} holds a run of another recipe ({}): its stages {} were trained with other values of {}. Take "
        "these back, choose another folder, or go on as it began: avsr train {} --data {} --out {} --resume",
        out, file, fmt::join(begun, ", "), fmt::join(changes, ", "), file, settings.data, out));
}

void take_over_recipe(const RunSettings& settings, nlohmann::json& run) {
  const Recipe& recipe = settings.recipe;
  const std::string file = recipe_path(settings.out);
  if (io::read_text_file(file) == recipe.text) return;
  if (settings.reporter.say)
    settings.reporter.say(
        fmt::format("the recipe has changed since the run began, in no stage that is begun: {} is written anew", file));
  io::write_file_atomically(file, std::string_view(recipe.text));
  run["recipe"] = recipe.name;
  run["seed"] = recipe.seed;
  save_run(settings.out, run);
}

nlohmann::json begin_run(const RunSettings& settings, const std::string& data_hash, const nlohmann::json& init) {
  const Recipe& recipe = settings.recipe;
  nlohmann::json run{{"recipe", recipe.name},  {"seed", recipe.seed},    {"data", settings.data},
                     {"data_hash", data_hash}, {"started", time_text()}, {"stages", nlohmann::json::object()}};
  if (!init.is_null()) run["init"] = init;
  io::write_file_atomically(recipe_path(settings.out), std::string_view(recipe.text));
  save_run(settings.out, run);
  return run;
}

// One model or a list of them, {"file", "hash"} each: whether they are what the run began with.
void require_origin(const std::string& out, const nlohmann::json& before, const nlohmann::json& now) {
  const auto listed = [](const nlohmann::json& models) { return models.is_array() ? models : nlohmann::json{models}; };
  const nlohmann::json first = listed(before), second = listed(now);
  if (first.size() != second.size())
    throw std::runtime_error(fmt::format("[train] {} holds a run that started from {} models, now there are {}", out,
                                         first.size(), second.size()));
  for (size_t i = 0; i < first.size(); ++i)
    if (first[i].at("hash") != second[i].at("hash"))
      throw std::runtime_error(
          fmt::format("[train] {} holds a run that started from {} with hash {}; that file has changed since, now {}",
                      out, second[i].at("file").get<std::string>(), first[i]["hash"].get<std::string>(),
                      second[i]["hash"].get<std::string>()));
}

}  // namespace

std::string time_text() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

void require_run(const RunSettings& settings, const std::string& data_hash, const nlohmann::json& init) {
  const std::string out = settings.out.string();
  const bool there = std::filesystem::exists(run_path(settings.out));
  if (!there && settings.resume)
    throw std::runtime_error(
        fmt::format("[train] {} holds no run to go on with: check --out, or leave out --resume to start one", out));
  if (there && !settings.resume)
    throw std::runtime_error(
        fmt::format("[train] {} holds a run already: add --resume to go on with it, or choose another folder", out));
  if (!there) return;
  const nlohmann::json run = read_run(settings.out);
  if (run.at("data_hash") != data_hash)
    throw std::runtime_error(fmt::format("[train] {} holds a run on other data: hash {}, now {} ({})", out,
                                         run.at("data_hash").get<std::string>(), data_hash, settings.data));
  require_recipe(settings, run);
  if (!init.is_null() && run.contains("init")) require_origin(out, run["init"], init);
}

nlohmann::json open_run(const RunSettings& settings, const std::string& data_hash, const nlohmann::json& init) {
  require_run(settings, data_hash, init);
  if (!settings.resume) return begin_run(settings, data_hash, init);
  io::remove_abandoned_temporaries(settings.out.string());
  nlohmann::json run = read_run(settings.out);
  take_over_recipe(settings, run);
  return run;
}

nlohmann::json read_run(const std::filesystem::path& out) {
  if (!std::filesystem::exists(run_path(out))) return {{"stages", nlohmann::json::object()}, {"data_hash", ""}};
  nlohmann::json run = nlohmann::json::parse(io::read_text_file(run_path(out).string()), nullptr, false);
  if (run.is_object() && run["stages"].is_object() && run["data_hash"].is_string()) return run;
  throw std::runtime_error(
      fmt::format("{}: damaged: expected the JSON that `avsr train` wrote (stages, data_hash); give another --out, "
                  "or bring the file back from a copy",
                  run_path(out).string()));
}

void save_run(const std::filesystem::path& out, const nlohmann::json& run) {
  io::write_file_atomically(run_path(out).string(), std::string_view(run.dump(2) + "\n"));
}

bool stage_finished(const std::filesystem::path& out, const nlohmann::json& run, const std::string& stage) {
  return run.at("stages").contains(stage) && std::filesystem::exists(stage_model(out, stage));
}

std::filesystem::path stage_model(const std::filesystem::path& out, const std::string& stage) {
  return out / stage / "model.safetensors";
}

}  // namespace avsr::pipeline
