#include "pipeline/training/training_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "eval/line_plot.h"
#include "io/atomic_file.h"
#include "models/network_config.h"
#include "pipeline/html_page.h"
#include "pipeline/progress.h"
#include "pipeline/training/stage_log.h"

namespace avsr::pipeline {
namespace {

using eval::LinePlot;
using nlohmann::json;
using Entries = std::vector<json>;

// A number of the log; none where it is absent or was not finite.
std::optional<double> number(const json& entry, const std::string& key) {
  const auto found = entry.find(key);
  return found != entry.end() && found->is_number() ? std::optional(found->get<double>()) : std::nullopt;
}

std::string text_of(const std::optional<double>& value, int decimals, double factor = 1) {
  return value ? fmt::format("{:.{}f}", factor * *value, decimals) : "–";
}

std::string short_text(const std::optional<double>& value) { return value ? fmt::format("{:.2g}", *value) : "–"; }

std::optional<double> update_ratio(const json& entry) {
  return entry.contains("seen") ? number(entry["seen"], "median_update_ratio") : std::nullopt;
}

template <typename Value>
LinePlot::Line line_of(const std::string& title, const Entries& entries, Value&& value) {
  LinePlot::Line points{title};
  for (const json& entry : entries)
    if (const std::optional<double> y = value(entry)) points.points.emplace_back(entry.at("epoch").get<int>(), *y);
  return points;
}

LinePlot::Line line(const std::string& title, const Entries& entries, const std::string& key, double factor = 1) {
  return line_of(title, entries, [&](const json& entry) {
    const std::optional<double> value = number(entry, key);
    return value ? std::optional(factor * *value) : std::nullopt;
  });
}

std::vector<LinePlot> stage_plots(const Entries& entries) {
  LinePlot loss{.title = "Loss", .x_label = "epoch", .y_label = "cross-entropy"};
  loss.lines = {line("training", entries, "train_loss"), line("validation", entries, "val_loss")};
  LinePlot accuracy{.title = "Accuracy", .x_label = "epoch", .y_label = "%"};
  accuracy.lines = {line("training", entries, "train_accuracy", 100), line("validation", entries, "val_accuracy", 100)};
  LinePlot rate{.title = "Learning rate", .x_label = "epoch", .y_label = "at the epoch's start", .log_y = true};
  rate.lines = {line("rate", entries, "rate")};
  LinePlot updates{.title = "Size of updates", .x_label = "epoch", .y_label = "||dw|| / ||w||, median", .log_y = true};
  updates.lines = {line_of("update ratio", entries, update_ratio)};
  LinePlot norm{.title = "Gradient norm", .x_label = "epoch", .y_label = "mean over the epoch", .log_y = true};
  norm.lines = {line("gradient norm", entries, "gradient_norm")};
  return {loss, accuracy, rate, updates, norm};
}

// The page's curves, or why there are none.
void add_curves(const std::vector<LinePlot>& plots, json& page) {
  page["curves"] = json::array();
  try {
    for (const std::string& svg : eval::draw_line_plots(plots))
      if (!svg.empty()) page["curves"].push_back(svg);
  } catch (const std::runtime_error& error) {
    page["note"] = error.what();
  }
}

void add_warnings(const Entries& entries, const std::string& stage, json& page) {
  for (const json& entry : entries)
    for (const json& warning : entry.value("warnings", json::array()))
      page["warnings"].push_back({{"stage", stage},
                                  {"epoch", std::to_string(entry.at("epoch").get<int>())},
                                  {"text", warning.value("text", "")}});
  page["warned"] = page.contains("warnings");
}

json epoch_rows(const Entries& entries) {
  json rows = json::array();
  for (const json& entry : entries)
    rows.push_back({{"epoch", std::to_string(entry.at("epoch").get<int>())},
                    {"rate", short_text(number(entry, "rate"))},
                    {"train_loss", text_of(number(entry, "train_loss"), 3)},
                    {"train_accuracy", text_of(number(entry, "train_accuracy"), 1, 100)},
                    {"val_loss", text_of(number(entry, "val_loss"), 3)},
                    {"val_accuracy", text_of(number(entry, "val_accuracy"), 1, 100)},
                    {"gradient_norm", short_text(number(entry, "gradient_norm"))},
                    {"update_ratio", short_text(update_ratio(entry))},
                    {"speed", text_of(number(entry, "clips_per_second"), 0)},
                    {"waited", text_of(number(entry, "waited_share"), 1, 100)},
                    {"time", duration_text(number(entry, "seconds").value_or(0))},
                    {"best", entry.value("best", false)}});
  return rows;
}

void add_layers(const Entries& entries, json& page) {
  page["looked"] = false;
  for (const json& entry : entries) {
    if (!entry.contains("seen")) continue;
    const json& seen = entry["seen"];
    page["looked"] = true;
    page["step"] = seen.at("step").dump();
    page["layers"] = page["updates"] = json::array();
    for (const json& layer : seen.at("layers"))
      page["layers"].push_back({{"path", layer.at("path")},
                                {"mean", short_text(number(layer, "mean"))},
                                {"deviation", short_text(number(layer, "deviation"))},
                                {"dead", text_of(number(layer, "dead_relus"), 1, 100)}});
    for (const auto& item : seen.at("update_ratios").items())
      page["updates"].push_back(
          {{"path", item.key()}, {"ratio", short_text(number(seen["update_ratios"], item.key()))}});
  }
}

json settings_of(const Recipe& recipe, const Stage& stage) {
  json tree{{"network", recipe.tree.value("network", json::object())},
            {"data", recipe.tree.value("data", json::object())}};
  for (const json& one : recipe.tree.at("stages"))
    if (one.at("name") == stage.name) tree["stage"] = one;
  json rows = json::array();
  const json flat = tree.flatten();
  for (const auto& [key, value] : flat.items()) {
    std::string path = key.substr(1);
    std::replace(path.begin(), path.end(), '/', '.');
    rows.push_back({{"key", path}, {"value", value.is_string() ? value.get<std::string>() : value.dump()}});
  }
  return rows;
}

json facts(const json& run, const std::string& device) {
  return {{{"name", "recipe"}, {"value", run.value("recipe", "")}},
          {{"name", "seed"}, {"value", run.contains("seed") ? run["seed"].dump() : ""}},
          {{"name", "data"}, {"value", run.value("data", "")}},
          {{"name", "device"}, {"value", device}},
          {{"name", "begun"}, {"value", run.value("started", "")}}};
}

void write_stage_page(const std::filesystem::path& folder, const Recipe& recipe, const Stage& stage, const json& run,
                      const std::string& device) {
  const Entries entries = read_log(folder / "log.jsonl");
  json page{{"stage", stage.name}, {"recipe", recipe.name}, {"facts", facts(run, device)}};
  page["epochs"] = epoch_rows(entries);
  page["settings"] = settings_of(recipe, stage);
  add_warnings(entries, stage.name, page);
  add_layers(entries, page);
  add_curves(stage_plots(entries), page);
  io::write_file_atomically((folder / "report.html").string(), html_page("stage_report", page));
}

void write_run_page(const std::filesystem::path& out, const Recipe& recipe, const json& run,
                    const std::string& device) {
  json page{{"recipe", recipe.name}, {"facts", facts(run, device)}, {"stages", json::array()}};
  LinePlot loss{.title = "Validation loss", .x_label = "epoch of the stage", .y_label = "cross-entropy"};
  LinePlot accuracy{.title = "Validation accuracy", .x_label = "epoch of the stage", .y_label = "%"};
  for (const Stage& stage : recipe.stages) {
    if (!run.at("stages").contains(stage.name)) continue;
    const json& done = run["stages"][stage.name];
    const Entries entries = read_log(out / stage.name / "log.jsonl");
    json row{{"name", stage.name},
             {"streams", models::name_of(stage.streams)},
             {"epochs", done.at("epochs").dump()},
             {"best_epoch", done.at("best_epoch").dump()},
             {"val_accuracy", text_of(number(done, "val_accuracy"), 1, 100)},
             {"time", duration_text(done.at("seconds").get<double>())},
             {"finished", done.value("finished", "")}};
    if (std::filesystem::exists(out / stage.name / "report.html")) row["report"] = stage.name + "/report.html";
    page["stages"].push_back(row);
    loss.lines.push_back(line(stage.name, entries, "val_loss"));
    accuracy.lines.push_back(line(stage.name, entries, "val_accuracy", 100));
    add_warnings(entries, stage.name, page);
  }
  add_curves({loss, accuracy}, page);
  io::write_file_atomically((out / "report.html").string(), html_page("run_report", page));
}

}  // namespace

void write_training_reports(const std::filesystem::path& out, const Recipe& recipe, const Stage& stage,
                            const nlohmann::json& run, const std::string& device) {
  write_stage_page(out / stage.name, recipe, stage, run, device);
  write_run_page(out, recipe, run, device);
}

}  // namespace avsr::pipeline
