#include "pipeline/training/tune.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "io/atomic_file.h"
#include "io/csv.h"
#include "pipeline/data/dataset.h"
#include "pipeline/progress.h"
#include "pipeline/training/recipe.h"

namespace avsr::pipeline {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json to_json(const Trial& trial) {
  json values{{"trial", trial.number}, {"drawn", trial.drawn}};
  if (trial.failure.empty()) {
    values["val_accuracy"] = trial.accuracy;
    values["seconds"] = trial.seconds;
  } else {
    values["failure"] = trial.failure;
  }
  return values;
}

std::vector<std::string> key_and_value(const std::string& drawn) {
  const size_t at = drawn.find('=');
  return {drawn.substr(0, at), drawn.substr(at + 1)};
}

class Tuning {
 public:
  Tuning(backend::Backend& backend, const TuneSettings& settings) : backend_(backend), settings_(settings) {}

  std::vector<Trial> run() {
    check();
    claim_folder(settings_.out, "tune", "search",
                 {{"recipe", load_recipe(settings_.recipe, settings_.overrides).tree},
                  {"space", settings_.space.text},
                  {"seed", settings_.seed},
                  {"stages", settings_.stages},
                  {"data_hash", read_dataset_info(settings_.data).hash}});
    std::vector<Trial> trials;
    for (int number = 1; number <= settings_.trials; ++number) {
      std::optional<Trial> trial = finished(number);
      if (!trial) trial = train(number);
      if (!trial) break;  // stopped
      trials.push_back(*trial);
      settings_.say(fmt::format(
          "trial {}/{}: {} ({})", number, settings_.trials,
          trial->failure.empty() ? fmt::format("{:.1f} % on validation", 100 * trial->accuracy) : trial->failure,
          fmt::join(trial->drawn, " ")));
      write_tables(trials);
    }
    sort_by_accuracy(trials);
    return trials;
  }

 private:
  // What is wrong for every trial is no failure of one, and what a recipe cannot have is a mistake in the space: better
  // said now than hours later.
  void check() const {
    RunSettings run = settings_.run_in("");
    run.recipe = load_recipe(settings_.recipe, settings_.overrides);
    run.resume = false;
    run.reporter = {};
    run.out = settings_.out / name_of(0);  // not there
    check_schedule(backend_, run);
    for (int number = 1; number <= settings_.trials; ++number) load_recipe(settings_.recipe, overrides_of(number));
  }

  static std::string name_of(int number) { return fmt::format("trial-{:03}", number); }
  fs::path folder_of(int number) const { return settings_.out / name_of(number); }
  std::vector<std::string> overrides_of(int number) const {
    std::vector<std::string> overrides = settings_.overrides;
    for (const std::string& drawn : draw(settings_.space, settings_.seed, number)) overrides.push_back(drawn);
    return overrides;
  }

  std::optional<Trial> finished(int number) const {
    const fs::path file = folder_of(number) / "trial.json";
    if (!fs::exists(file)) return std::nullopt;
    const json known = json::parse(io::read_text_file(file.string()), nullptr, false);
    if (!known.is_object() || known.value("trial", 0) != number) return std::nullopt;
    Trial trial{.number = number, .drawn = known.value("drawn", std::vector<std::string>())};
    trial.accuracy = known.value("val_accuracy", 0.0);
    trial.seconds = known.value("seconds", 0.0);
    trial.failure = known.value("failure", "");
    return trial;
  }

  // No value: stopped by the user.
  std::optional<Trial> train(int number) const {
    Trial trial{.number = number, .drawn = draw(settings_.space, settings_.seed, number)};
    RunSettings run = settings_.run_in(name_of(number));
    settings_.say(fmt::format("trial {}/{}: {}", number, settings_.trials, fmt::join(trial.drawn, " ")));
    try {
      run.recipe = load_recipe(settings_.recipe, overrides_of(number));
      if (!run_schedule(backend_, run)) return std::nullopt;
      read_result(run, trial);
    } catch (const std::exception& error) {
      // Of these values: the next trial may do better. What is wrong with the data or the disk fails every trial, and
      // says so every time.
      if (settings_.stop && *settings_.stop) return std::nullopt;
      trial.failure = error.what();
    }
    fs::create_directories(run.out);
    remove_checkpoints(run.out);
    io::write_file_atomically((run.out / "trial.json").string(), std::string_view(to_json(trial).dump(2) + "\n"));
    return trial;
  }

  static void read_result(const RunSettings& run, Trial& trial) {
    const json result = json::parse(io::read_text_file((run.out / "run.json").string()));
    for (const Stage& stage : run.recipe.stages) {
      if (!result.at("stages").contains(stage.name)) continue;
      const json& of_stage = result["stages"][stage.name];
      trial.accuracy = of_stage.at("val_accuracy");
      trial.seconds += of_stage.at("seconds").get<double>();
    }
  }

  void write_tables(std::vector<Trial> trials) const {
    sort_by_accuracy(trials);
    json all = json::array();
    std::string csv = "trial,val_accuracy,seconds";
    for (const Dimension& dimension : settings_.space.dimensions)
      csv += fmt::format(",{}", io::csv_field(dimension.key));
    csv += ",failure\n";
    for (const Trial& trial : trials) {
      all.push_back(to_json(trial));
      csv += trial.failure.empty() ? fmt::format("{},{:.4f},{:.1f}", trial.number, trial.accuracy, trial.seconds)
                                   : fmt::format("{},,", trial.number);
      for (const std::string& drawn : trial.drawn) csv += fmt::format(",{}", io::csv_field(key_and_value(drawn)[1]));
      csv += fmt::format(",{}\n", io::csv_field(trial.failure));
    }
    const auto write = [&](const char* name, const std::string& text) {
      io::write_file_atomically((settings_.out / name).string(), std::string_view(text));
    };
    write("trials.json", all.dump(2) + "\n");
    write("trials.csv", csv);
    write("trials.md", table_of(trials));
    if (trials.front().failure.empty())
      write("best.yaml", io::read_text_file((folder_of(trials.front().number) / "recipe.yaml").string()));
  }

  backend::Backend& backend_;
  const TuneSettings& settings_;
};

}  // namespace

void TuneSettings::validate() const {
  constexpr int kMost = 999;
  if (trials < 1 || trials > kMost)
    throw std::invalid_argument(fmt::format("[tune] expected 1 to {} trials (--trials), found {}", kMost, trials));
}

std::vector<Trial> tune(backend::Backend& backend, const TuneSettings& settings) {
  settings.validate();
  return Tuning(backend, settings).run();
}

void sort_by_accuracy(std::vector<Trial>& trials) {
  std::stable_sort(trials.begin(), trials.end(), [](const Trial& a, const Trial& b) {
    if (a.failure.empty() != b.failure.empty()) return a.failure.empty();
    return a.failure.empty() && a.accuracy > b.accuracy;
  });
}

std::string table_of(const std::vector<Trial>& trials) {
  if (trials.empty()) return "";
  std::string head = "| trial | validation % | time |", rule = "|---|---|---|";
  for (const std::string& drawn : trials.front().drawn) {
    head += fmt::format(" {} |", key_and_value(drawn)[0]);
    rule += "---|";
  }
  std::string text = fmt::format("{}\n{}\n", head, rule);
  for (const Trial& trial : trials) {
    text += trial.failure.empty()
                ? fmt::format("| {} | {:.1f} | {} |", trial.number, 100 * trial.accuracy, duration_text(trial.seconds))
                : fmt::format("| {} | failed | |", trial.number);
    for (const std::string& drawn : trial.drawn) text += fmt::format(" {} |", key_and_value(drawn)[1]);
    text += "\n";
  }
  for (const Trial& trial : trials)
    if (!trial.failure.empty()) text += fmt::format("\ntrial {} failed: {}\n", trial.number, trial.failure);
  return text;
}

}  // namespace avsr::pipeline
