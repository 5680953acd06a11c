#include "pipeline/stage_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <sstream>
#include <string>
#include <utility>

#include "io/atomic_file.h"
#include "pipeline/progress.h"

namespace avsr::pipeline {
namespace {

// Of a line of the log; beyond all epochs where it is damaged.
int epoch_of(const std::string& line) {
  const nlohmann::json entry = nlohmann::json::parse(line, nullptr, false);
  const bool whole = entry.is_object() && entry.contains("epoch") && entry["epoch"].is_number_integer();
  return whole ? entry["epoch"].get<int>() : std::numeric_limits<int>::max();
}

}  // namespace

double EpochSummary::clips_per_second() const {
  return static_cast<double>(training.clips) / std::max(1e-9, training_seconds);
}

nlohmann::json to_json(const EpochSummary& summary) {
  return {{"epoch", summary.epoch + 1},
          {"step", summary.step},
          {"rate", summary.rate},
          {"train_loss", summary.training.loss()},
          {"train_accuracy", summary.training.accuracy()},
          {"val_loss", summary.validation.loss()},
          {"val_accuracy", summary.validation.accuracy()},
          {"clips_per_second", summary.clips_per_second()},
          {"seconds", summary.seconds},
          {"best", summary.best}};
}

StageLog::StageLog(std::filesystem::path path, const Stage& stage, const Reporter& reporter, int epochs_done)
    : path_(std::move(path)), stage_(stage), reporter_(reporter) {
  if (!std::filesystem::exists(path_)) return;
  std::istringstream lines(io::read_text_file(path_.string()));
  std::string kept;
  for (std::string line; std::getline(lines, line);)
    if (epoch_of(line) <= epochs_done) kept += line + "\n";
  io::write_file_atomically(path_.string(), std::string_view(kept));
}

void StageLog::add(const EpochSummary& summary) {
  say(summary);
  const std::string old = std::filesystem::exists(path_) ? io::read_text_file(path_.string()) : "";
  io::write_file_atomically(path_.string(), std::string_view(old + to_json(summary).dump() + "\n"));
}

void StageLog::say(const EpochSummary& summary) const {
  if (!reporter_.say) return;
  reporter_.say(fmt::format(
      "{} {}/{}: loss {:.3f}, {:.1f} %; validation loss {:.3f}, {:.1f} %{}; {:.0f} clips/s, {}, stage ends in {}{}",
      stage_.name, summary.epoch + 1, stage_.epochs, summary.training.loss(), 100 * summary.training.accuracy(),
      summary.validation.loss(), 100 * summary.validation.accuracy(), summary.best ? " (best)" : "",
      summary.clips_per_second(), duration_text(summary.seconds), stage_.patience > 0 ? "at most " : "",
      duration_text(summary.stage_seconds_left)));
}

}  // namespace avsr::pipeline
