#include "pipeline/training/stage_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "io/atomic_file.h"
#include "pipeline/progress.h"

namespace avsr::pipeline {
namespace {

// No value where it is damaged.
std::optional<nlohmann::json> entry_of(const std::string& line) {
  nlohmann::json entry = nlohmann::json::parse(line, nullptr, false);
  const bool whole = entry.is_object() && entry.contains("epoch") && entry["epoch"].is_number_integer();
  return whole ? std::optional(std::move(entry)) : std::nullopt;
}

}  // namespace

double EpochSummary::clips_per_second() const {
  return static_cast<double>(training.clips) / std::max(1e-9, training_seconds);
}

double EpochSummary::waited_share() const { return waited_seconds / std::max(1e-9, training_seconds); }

nlohmann::json to_json(const EpochSummary& summary) {
  nlohmann::json line{{"epoch", summary.epoch + 1},
                      {"step", summary.step},
                      {"rate", summary.rate},
                      {"train_loss", summary.training.loss()},
                      {"train_accuracy", summary.training.accuracy()},
                      {"val_loss", summary.validation.loss()},
                      {"val_accuracy", summary.validation.accuracy()},
                      {"gradient_norm", summary.gradient_norm},
                      {"clips_per_second", summary.clips_per_second()},
                      {"waited_share", summary.waited_share()},
                      {"seconds", summary.seconds},
                      {"best", summary.best}};
  if (!summary.seen.empty()) line["seen"] = summary.seen;
  if (!summary.warnings.empty()) line["warnings"] = summary.warnings;
  return line;
}

std::vector<nlohmann::json> read_log(const std::filesystem::path& path, int last_epoch) {
  std::vector<nlohmann::json> entries;
  if (!std::filesystem::exists(path)) return entries;
  std::istringstream lines(io::read_text_file(path.string()));
  for (std::string line; std::getline(lines, line);)
    if (auto entry = entry_of(line); entry && entry->at("epoch").get<int>() <= last_epoch)
      entries.push_back(std::move(*entry));
  return entries;
}

StageLog::StageLog(std::filesystem::path path, const Stage& stage, const Reporter& reporter, int epochs_done)
    : path_(std::move(path)), entries_(read_log(path_, epochs_done)), stage_(stage), reporter_(reporter) {
  if (std::filesystem::exists(path_)) write();
}

void StageLog::add(const EpochSummary& summary) {
  say(summary);
  entries_.push_back(to_json(summary));
  write();
}

std::set<std::string> StageLog::warned() const {
  std::set<std::string> kinds;
  for (const nlohmann::json& entry : entries_)
    for (const nlohmann::json& warning : entry.value("warnings", nlohmann::json::array()))
      kinds.insert(warning.value("kind", ""));
  return kinds;
}

void StageLog::write() const {
  std::string lines;
  for (const nlohmann::json& entry : entries_) lines += entry.dump() + "\n";
  io::write_file_atomically(path_.string(), std::string_view(lines));
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
