#include "pipeline/training/stage_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace avsr::pipeline {
namespace {

constexpr double kTimeShare = 0.01;
constexpr int kLeastSteps = 10;
constexpr int kPointsPerEpoch = 50, kLeastBatchesOfAPoint = 10;
// A stretch of the loss for the warnings is an epoch, but no shorter and no longer than this many batches.
constexpr int kShortestStretch = 20, kLongestStretch = 4000;

}  // namespace

bool WatchPace::due(int64_t step) const {
  if (every_ > 0) return step % every_ == 0;
  if (last_ == 0) return true;
  return step >= last_ + kLeastSteps && trained_seconds_ * kTimeShare > look_seconds_;
}

void WatchPace::looked(int64_t step, double seconds) {
  last_ = step;
  look_seconds_ = seconds;
  trained_seconds_ = 0;
}

void WatchPace::trained(double seconds) { trained_seconds_ += seconds; }

StageWatch::StageWatch(const Settings& settings, models::Network& network, const Reporter& reporter)
    : settings_(settings),
      network_(network),
      reporter_(reporter),
      events_(settings.folder.string(), settings.first_step),
      pace_(settings.every),
      warnings_(settings.labels, settings.rate, settings.warned) {}

void StageWatch::before_step(int64_t step) {
  step_start_ = Clock::now();
  looking_ = pace_.due(step);
  if (looking_) meter_.before(network_.parameters());
  before_seconds_ = std::chrono::duration<double>(Clock::now() - step_start_).count();
}

void StageWatch::after_step(const Step& done) {
  const Clock::time_point trained = Clock::now();
  if (looking_) {
    look(done);
    pace_.looked(done.step, before_seconds_ + std::chrono::duration<double>(Clock::now() - trained).count());
  } else {
    pace_.trained(std::chrono::duration<double>(trained - step_start_).count());
  }
  add_loss(done);
}

void StageWatch::look(const Step& done) {
  const std::vector<UpdateRatio> updates = meter_.after(network_.parameters());
  const std::vector<LayerStatistics> layers = layer_statistics(network_);
  Scalars scalars;
  seen_ = {{"step", done.step}, {"layers", nlohmann::json::array()}, {"update_ratios", nlohmann::json::object()}};
  for (const LayerStatistics& layer : layers) {
    nlohmann::json& row = seen_["layers"].emplace_back(
        nlohmann::json{{"path", layer.path}, {"mean", layer.mean}, {"deviation", layer.deviation}});
    scalars.emplace_back("activation_mean/" + layer.path, layer.mean);
    scalars.emplace_back("activation_deviation/" + layer.path, layer.deviation);
    if (!layer.dead_relus) continue;
    row["dead_relus"] = *layer.dead_relus;
    scalars.emplace_back("dead_relus/" + layer.path, *layer.dead_relus);
  }
  for (const UpdateRatio& update : updates) {
    seen_["update_ratios"][update.path] = update.ratio;
    scalars.emplace_back("update_ratio/" + update.path, update.ratio);
  }
  if (const auto median = median_ratio(updates)) {
    seen_["median_update_ratio"] = *median;
    scalars.emplace_back("update_ratio", *median);
  }
  events_.add(done.step, scalars);
  warn(warnings_.add_look(layers, updates, done.rate));
}

void StageWatch::add_loss(const Step& done) {
  point_ += done.score;
  if (++point_batches_ >= std::max(kLeastBatchesOfAPoint, done.batches / kPointsPerEpoch)) {
    events_.add(done.step, {{"loss/batches", point_.loss()},
                            {"accuracy/batches", point_.accuracy()},
                            {"rate", done.rate},
                            {"gradient_norm", done.gradient_norm}});
    point_ = {};
    point_batches_ = 0;
  }
  stretch_ += done.score;
  if (++stretch_batches_ >= std::clamp(done.batches, kShortestStretch, kLongestStretch)) {
    warn(warnings_.add_loss(stretch_.loss()));
    stretch_ = {};
    stretch_batches_ = 0;
  }
}

void StageWatch::warn(const std::vector<TrainingWarning>& warnings) {
  for (const TrainingWarning& warning : warnings) {
    given_.push_back({{"kind", warning.kind}, {"text", warning.text}});
    if (reporter_.say) reporter_.say(fmt::format("warning: stage {}: {}", settings_.stage, warning.text));
  }
}

void StageWatch::end_epoch(EpochSummary& summary) {
  summary.seen = std::exchange(seen_, nlohmann::json::object());
  summary.warnings = std::exchange(given_, nlohmann::json::array());
  events_.add(summary.step, {{"loss/training", summary.training.loss()},
                             {"loss/validation", summary.validation.loss()},
                             {"accuracy/training", summary.training.accuracy()},
                             {"accuracy/validation", summary.validation.accuracy()},
                             {"speed/clips_per_second", summary.clips_per_second()},
                             {"speed/waited_share", summary.waited_share()}});
}

}  // namespace avsr::pipeline
