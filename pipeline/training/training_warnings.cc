#include "pipeline/training/training_warnings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>

namespace avsr::pipeline {
namespace {

constexpr size_t kBlindAfter = 3, kFlatAfter = 5, kSwings = 6;  // stretches of the loss
constexpr double kBlind = 0.98;                                 // of ln(labels)
constexpr double kRise = 1.1;                                   // over the lowest loss so far, twice in a row
constexpr double kSwing = 0.1;                                  // of the mean loss, up and down
constexpr double kFall = 0.03;                                  // of the first loss
constexpr int kLooks = 5;                                       // one look may fall on an odd batch
constexpr double kSilent = 1e-3;                                // root mean square of a layer's output
constexpr double kDead = 0.5;                                   // of a layer's ReLUs
constexpr double kSmallUpdate = 1e-4, kLargeUpdate = 1e-2;

// Up, down, up, …, each by much.
bool swings(std::span<const double> losses) {
  const double mean = std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(losses.size());
  for (size_t i = 1; i < losses.size(); ++i) {
    const double change = losses[i] - losses[i - 1];
    if (std::abs(change) < kSwing * mean) return false;
    if (i > 1 && (change > 0) == (losses[i - 1] > losses[i - 2])) return false;
  }
  return true;
}

double root_mean_square(const LayerStatistics& layer) { return std::hypot(layer.mean, layer.deviation); }

}  // namespace

TrainingWarnings::TrainingWarnings(int labels, double rate, std::set<std::string> said)
    : blind_loss_(std::log(static_cast<double>(labels))), rate_(rate), said_(std::move(said)) {}

void TrainingWarnings::warn(std::vector<TrainingWarning>& warnings, const char* kind, std::string text) {
  if (said_.insert(kind).second) warnings.push_back({kind, std::move(text)});
}

std::vector<TrainingWarning> TrainingWarnings::add_loss(double loss) {
  losses_.push_back(loss);
  const size_t n = losses_.size();
  const auto lowest = std::min_element(losses_.begin(), losses_.end());
  std::vector<TrainingWarning> warnings;
  if (n >= kBlindAfter && *lowest > kBlind * blind_loss_ && loss < blind_loss_ / kBlind)
    warn(warnings, "blind",
         fmt::format("the loss stays at ln(labels) = {:.3f}: the network has learned nothing. Check the data (avsr "
                     "inspect), or try another rate (now {:g}; --find-rate looks for one)",
                     blind_loss_, rate_));
  else if (n == kFlatAfter && loss > (1 - kFall) * losses_.front() && loss < kRise * losses_.front() &&
           loss > 0.5 * blind_loss_)
    warn(
        warnings, "flat",
        fmt::format("the loss hardly falls: {:.3f}, after {:.3f} at first. The rate ({:g}) may be too low (--find-rate "
                    "looks for one), or too little of the network trains",
                    loss, losses_.front(), rate_));
  if (n >= kSwings && swings(std::span(losses_).last(kSwings)))
    warn(warnings, "oscillating",
         fmt::format("the loss goes up and down: {:.3f}, {:.3f}, {:.3f} at last. The rate ({:g}) is too high, or the "
                     "batch too small",
                     losses_[n - 3], losses_[n - 2], loss, rate_));
  else if (n >= 3 && loss > kRise * *lowest && losses_[n - 2] > kRise * *lowest)
    warn(warnings, "rising",
         fmt::format("the loss rises: {:.3f}, after {:.3f}. The rate ({:g}) is too high: try a third of it", loss,
                     *lowest, rate_));
  return warnings;
}

std::vector<TrainingWarning> TrainingWarnings::add_look(const std::vector<LayerStatistics>& layers,
                                                        const std::vector<UpdateRatio>& updates, double rate) {
  std::vector<TrainingWarning> warnings;
  look_at_layers(layers, warnings);
  look_at_updates(updates, rate, warnings);
  return warnings;
}

void TrainingWarnings::look_at_layers(const std::vector<LayerStatistics>& layers,
                                      std::vector<TrainingWarning>& warnings) {
  const auto silent = std::find_if(layers.begin(), layers.end(),
                                   [](const LayerStatistics& layer) { return root_mean_square(layer) < kSilent; });
  silent_ = silent == layers.end() ? 0 : silent_ + 1;
  if (silent_ >= kLooks)
    warn(warnings, "silent",
         fmt::format("the activations of {} are near zero (root mean square {:.1e}): what lies above learns nothing "
                     "from below. Look at its initial values, and whether the rate ({:g}) is too high",
                     silent->path, root_mean_square(*silent), rate_));
  const auto dead = std::max_element(layers.begin(), layers.end(), [](const auto& a, const auto& b) {
    return a.dead_relus.value_or(0) < b.dead_relus.value_or(0);
  });
  dead_ = dead == layers.end() || dead->dead_relus.value_or(0) < kDead ? 0 : dead_ + 1;
  if (dead_ >= kLooks)
    warn(
        warnings, "dead",
        fmt::format("{:.0f} % of the ReLUs of {} are dead: zero for every clip looked at. The rate ({:g}) was too high "
                    "at some time: start the stage again with a lower one, or a slower start (decay one_cycle)",
                    100 * *dead->dead_relus, dead->path, rate_));
}

// While the rate is low at a schedule's ends, small updates are what is wanted.
void TrainingWarnings::look_at_updates(const std::vector<UpdateRatio>& updates, double rate,
                                       std::vector<TrainingWarning>& warnings) {
  const std::optional<double> ratio = median_ratio(updates);
  if (!ratio) return;
  large_ = *ratio > kLargeUpdate ? large_ + 1 : 0;
  if (rate >= rate_ / 2) small_ = *ratio < kSmallUpdate ? small_ + 1 : 0;
  if (large_ >= kLooks)
    warn(
        warnings, "large_updates",
        fmt::format("a step moves the weights by {:.1e} of their size (median over the weights), where 1e-4 to 1e-2 is "
                    "usual: if the loss does not fall steadily, lower the rate ({:g})",
                    *ratio, rate_));
  if (small_ >= kLooks)
    warn(warnings, "small_updates",
         fmt::format("a step moves the weights by only {:.1e} of their size (median over the weights), where 1e-4 to "
                     "1e-2 is usual: the rate ({:g}) may be too low",
                     *ratio, rate_));
}

}  // namespace avsr::pipeline
