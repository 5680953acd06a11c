#include "pipeline/training/cross_validation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "io/atomic_file.h"
#include "io/csv.h"
#include "pipeline/data/dataset.h"
#include "pipeline/evaluation/evaluate.h"

namespace avsr::pipeline {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kKinds[] = {"audio", "video", "audiovisual"};

json to_json(const FoldResult& result) {
  return {{"fold", result.number}, {"tested", result.tested}, {"accuracy", result.accuracy}, {"clips", result.clips}};
}

class CrossValidation {
 public:
  CrossValidation(backend::Backend& backend, const CrossValidationSettings& settings)
      : backend_(backend), settings_(settings) {}

  std::vector<FoldResult> run() {
    const std::vector<Fold> folds = make_folds(open_prepared(settings_.data), settings_.folds);
    check();
    const FoldSettings& f = settings_.folds;
    claim_folder(settings_.out, "cross-validate", "cross-validation",
                 {{"recipe", settings_.recipe.tree},
                  {"data_hash", read_dataset_info(settings_.data).hash},
                  {"folds", f.leave_out > 0 ? 0 : f.folds},
                  {"leave_out", f.leave_out},
                  {"most", f.most},
                  {"seed", f.seed},
                  {"with_test", f.with_test},
                  {"stages", settings_.stages}});
    std::vector<FoldResult> results;
    for (size_t i = 0; i < folds.size(); ++i) {
      const int number = static_cast<int>(i) + 1;
      std::optional<FoldResult> result = finished(number);
      if (!result) {
        settings_.say(fmt::format("fold {}/{}: tests {}", number, folds.size(), folds[i].tested));
        result = run_fold(number, folds[i]);
      }
      if (!result) break;  // stopped
      results.push_back(*result);
      write_tables(results);
      for (const auto& [kind, accuracy] : result->accuracy)
        settings_.say(fmt::format("fold {}/{}: {} {:.1f} %", number, folds.size(), kind, 100 * accuracy));
    }
    return results;
  }

 private:
  // Better said before the folder is this cross-validation's, and not for every fold anew.
  void check() const {
    RunSettings run = settings_.run_in("");
    run.recipe = settings_.recipe;
    run.resume = false;
    run.reporter = {};
    run.out = settings_.out / name_of(0);  // not there
    check_schedule(backend_, run);
  }

  static std::string name_of(int number) { return fmt::format("fold-{:02}", number); }
  fs::path folder_of(int number) const { return settings_.out / name_of(number); }

  std::optional<FoldResult> finished(int number) const {
    const fs::path file = folder_of(number) / "fold.json";
    if (!fs::exists(file)) return std::nullopt;
    const json known = json::parse(io::read_text_file(file.string()), nullptr, false);
    if (!known.is_object() || known.value("fold", 0) != number || !known.contains("accuracy")) return std::nullopt;
    FoldResult result{.number = number, .tested = known.value("tested", "")};
    known.at("accuracy").get_to(result.accuracy);
    known.at("clips").get_to(result.clips);
    return result;
  }

  // No value: stopped by the user.
  std::optional<FoldResult> run_fold(int number, const Fold& fold) const {
    RunSettings run = settings_.run_in(name_of(number));
    run.recipe = settings_.recipe;
    run.data = (folder_of(number) / "data").string();
    write_view(settings_.data, fold, run.data);
    if (!run_schedule(backend_, run)) return std::nullopt;

    FoldResult result{.number = number, .tested = fold.tested};
    std::map<std::string, std::string> last;  // kind -> the model of its last trained stage
    for (const Stage& stage : run.recipe.stages)
      if (const fs::path file = run.out / stage.name / "model.safetensors"; fs::exists(file))
        last[models::name_of(stage.streams)] = file.string();
    for (const auto& [kind, file] : last) {
      std::vector<std::unique_ptr<Recognizer>> models;
      models.push_back(std::make_unique<Recognizer>(backend_, file));
      EvaluationSettings test;
      test.data = run.data;
      test.workers = settings_.workers;
      test.cache_gb = settings_.cache_gb;
      test.choose_on = "";  // only the accuracy is read
      const Evaluation evaluation = evaluate(models, test);
      result.accuracy[kind] = evaluation.rows.front().accuracy(evaluation.words);
      result.clips[kind] = evaluation.rows.front().clips();
    }
    remove_checkpoints(run.out);
    io::write_file_atomically((run.out / "fold.json").string(), std::string_view(to_json(result).dump(2) + "\n"));
    return result;
  }

  void write_tables(const std::vector<FoldResult>& results) const {
    json all = json::array();
    std::string csv = "fold,tested,model,accuracy,clips\n";
    for (const FoldResult& result : results) {
      all.push_back(to_json(result));
      for (const auto& [kind, accuracy] : result.accuracy)
        csv += fmt::format("{},{},{},{:.4f},{}\n", result.number, io::csv_field(result.tested), kind, accuracy,
                           result.clips.at(kind));
    }
    io::write_file_atomically((settings_.out / "folds.json").string(), std::string_view(all.dump(2) + "\n"));
    io::write_file_atomically((settings_.out / "folds.csv").string(), std::string_view(csv));
    io::write_file_atomically((settings_.out / "folds.md").string(), std::string_view(table_of(results)));
  }

  backend::Backend& backend_;
  const CrossValidationSettings& settings_;
};

struct Spread {
  double mean = 0, deviation = 0;
};

Spread spread_of(const std::vector<double>& values) {
  Spread spread;
  const auto n = static_cast<double>(values.size());
  for (const double v : values) spread.mean += v / n;
  for (const double v : values) spread.deviation += (v - spread.mean) * (v - spread.mean);
  spread.deviation = values.size() > 1 ? std::sqrt(spread.deviation / (n - 1)) : 0;
  return spread;
}

}  // namespace

std::vector<FoldResult> cross_validate(backend::Backend& backend, const CrossValidationSettings& settings) {
  settings.folds.validate();
  return CrossValidation(backend, settings).run();
}

std::string table_of(const std::vector<FoldResult>& results) {
  std::vector<std::string> kinds;
  for (const char* kind : kKinds)
    if (!results.empty() && results.front().accuracy.count(kind)) kinds.emplace_back(kind);
  std::string head = "| fold | tested |", rule = "|---|---|", last = "| mean ± deviation | |", rows;
  for (const std::string& kind : kinds) {
    head += fmt::format(" {} % (clips) |", kind);
    rule += "---|";
    std::vector<double> values;
    for (const FoldResult& result : results) values.push_back(100 * result.accuracy.at(kind));
    const Spread spread = spread_of(values);
    last += fmt::format(" {:.1f} ± {:.1f} |", spread.mean, spread.deviation);
  }
  for (const FoldResult& result : results) {
    rows += fmt::format("| {} | {} |", result.number, result.tested);
    for (const std::string& kind : kinds)
      rows += fmt::format(" {:.1f} ({}) |", 100 * result.accuracy.at(kind), result.clips.at(kind));
    rows += "\n";
  }
  return fmt::format("{}\n{}\n{}{}\n", head, rule, rows, last);
}

}  // namespace avsr::pipeline
