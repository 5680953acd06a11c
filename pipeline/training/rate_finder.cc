#include "pipeline/training/rate_finder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "eval/line_plot.h"
#include "io/atomic_file.h"
#include "pipeline/training/stage_batches.h"
#include "pipeline/training/training_step.h"
#include "preprocessing/random.h"

namespace avsr::pipeline {
namespace {

constexpr double kSmoothing = 0.9;
constexpr double kLeastFall = 0.02;  // of the first loss: less may be chance
constexpr const char* kSwitchedOff = "dropout, weight decay, label smoothing, augmentation and noise are off";

const RateTest::Point& lowest_point(const RateTest& test) {
  return *std::min_element(test.points.begin(), test.points.end(),
                           [](const auto& a, const auto& b) { return a.smoothed < b.smoothed; });
}

class RateTester {
 public:
  RateTester(backend::Backend& backend, const StageSettings& settings, const RateRange& range)
      : settings_(settings),
        range_(range),
        recipe_(without_regularisation(*settings.recipe)),
        stage_(*std::find_if(recipe_.stages.begin(), recipe_.stages.end(),
                             [&](const Stage& stage) { return stage.name == settings.stage->name; })),
        labels_(static_cast<int>(settings.training->labels().size())),
        step_(backend, recipe_, stage_, settings.rule, labels_) {
    load_parts(settings, step_.network());
  }

  std::optional<RateTest> run() {
    for (int epoch = 0; !done(); ++epoch) {
      LoaderSettings wanted = loader_settings_of(recipe_, stage_, true);
      wanted.seed = recipe_.seed;
      wanted.epoch = epoch;
      wanted.workers = settings_.workers;
      Loader loader(*settings_.training, step_.writer(), wanted);
      HostBatch part;
      while (!done() && loader.next(part)) {
        step_.launch(part, preprocessing::derive_key(recipe_.seed, index_));
        if (!part.ends_batch) continue;
        finish_step();
        if (settings_.reporter.tick)
          settings_.reporter.tick(index_ * stage_.batch, static_cast<int64_t>(range_.steps) * stage_.batch,
                                  "trying rates");
        if (settings_.stop && *settings_.stop) return std::nullopt;
      }
    }
    return test_;
  }

 private:
  bool done() const { return test_.diverged || index_ >= range_.steps; }
  double rate() const {
    return range_.lowest * std::pow(range_.highest / range_.lowest, static_cast<double>(index_) / (range_.steps - 1));
  }

  void finish_step() {
    const double now = rate();
    const auto outcome = step_.finish(now, index_ + 1);
    ++index_;
    const double loss = outcome.score.loss();
    test_.diverged = !std::isfinite(loss) || !std::isfinite(outcome.gradient_norm);
    if (test_.diverged) return;
    mean_ = kSmoothing * mean_ + (1 - kSmoothing) * loss;
    test_.points.push_back({now, loss, mean_ / (1 - std::pow(kSmoothing, static_cast<double>(index_)))});
    test_.diverged =
        test_.points.back().smoothed > lowest_point(test_).smoothed + std::log(static_cast<double>(labels_)) / 2;
  }

  const StageSettings& settings_;
  const RateRange range_;
  const Recipe recipe_;
  const Stage& stage_;
  const int labels_;
  TrainingStep step_;
  RateTest test_;
  int64_t index_ = 0;
  double mean_ = 0;
};

std::string csv_of(const RateTest& test) {
  std::string text = "rate,loss,smoothed_loss\n";
  for (const RateTest::Point& point : test.points)
    text += fmt::format("{:.6e},{:.6f},{:.6f}\n", point.rate, point.loss, point.smoothed);
  return text;
}

std::string svg_of(const RateTest& test, const std::string& stage, const std::optional<RateSuggestion>& suggestion) {
  eval::LinePlot plot{.title = "Rates of stage " + stage, .x_label = "rate", .y_label = "training loss", .log_x = true};
  plot.lines = {{"each batch", {}}, {"smoothed", {}, false}};
  for (const RateTest::Point& point : test.points) {
    plot.lines[0].points.emplace_back(point.rate, point.loss);
    plot.lines[1].points.emplace_back(point.rate, point.smoothed);
  }
  if (suggestion) plot.marks.push_back({suggestion->rate, "suggested"});
  return eval::draw_line_plots({plot}).front();
}

std::string verdict(const RateTest& test, const Stage& stage, const std::optional<RateSuggestion>& found) {
  if (!found)
    return fmt::format(
        "stage {}: no rate found: the loss fell at none of {} rates. Check the data (avsr inspect), and "
        "what trains",
        stage.name, test.points.size());
  return fmt::format(
      "stage {}: try --set stages.{}.rate={:.1e} (now {:g}). The loss falls from a rate of {:.1e} on and is lowest at "
      "{:.1e}{}; suggested is a tenth of the rate with the lowest loss (a one_cycle rate, which is its peak, may be "
      "three "
      "times as high)",
      stage.name, stage.name, found->rate, stage.rate, found->falls_from, found->lowest_at,
      test.diverged ? fmt::format(", at {:.1e} it has gone up too far", test.points.back().rate) : "");
}

}  // namespace

std::optional<RateSuggestion> suggest_rate(const RateTest& test) {
  if (test.points.empty()) return std::nullopt;
  const double first = test.points.front().smoothed;
  const RateTest::Point& lowest = lowest_point(test);
  const double fall = first - lowest.smoothed;
  if (fall < kLeastFall * first) return std::nullopt;
  // The last time that it was still up there: noise may cross the line before.
  double falls_from = test.points.front().rate;
  for (const RateTest::Point& point : test.points) {
    if (point.rate >= lowest.rate) break;
    if (point.smoothed > first - fall / 20) falls_from = point.rate;
  }
  return RateSuggestion{falls_from, lowest.rate, lowest.rate / 10};
}

Recipe without_regularisation(Recipe recipe) {
  for (models::RecurrentConfig* layers : {&recipe.network.recurrent, &recipe.network.fusion})
    layers->input_dropout = layers->hidden_dropout = 0;
  recipe.network.ms_tcn.dropout = 0;
  recipe.network.modality_dropout = {};
  recipe.data.augment = {.random_crop = false, .flip_probability = 0};
  recipe.data.shift_frames = 0;
  recipe.data.noise_levels_db.clear();
  recipe.data.clean = true;
  for (Stage& stage : recipe.stages) {
    stage.optimizer.weight_decay = 0;
    stage.loss.label_smoothing = 0;
  }
  return recipe;
}

std::optional<RateTest> test_rates(backend::Backend& backend, const StageSettings& settings, const RateRange& range) {
  return RateTester(backend, settings, range).run();
}

bool find_rate(backend::Backend& backend, const StageSettings& settings, const std::filesystem::path& folder) {
  const Stage& stage = *settings.stage;
  const auto say = [&](const std::string& line) {
    if (settings.reporter.say) settings.reporter.say(line);
  };
  const RateRange range;
  say(fmt::format("stage {}: trying {} rates from {:g} to {:g}; {}", stage.name, range.steps, range.lowest,
                  range.highest, kSwitchedOff));
  const std::optional<RateTest> test = test_rates(backend, settings, range);
  if (!test) return false;
  const std::string csv = (folder / (stage.name + ".csv")).string(), svg = (folder / (stage.name + ".svg")).string();
  io::write_file_atomically(csv, std::string_view(csv_of(*test)));
  const std::optional<RateSuggestion> found = suggest_rate(*test);
  say(verdict(*test, stage, found));
  try {
    io::write_file_atomically(svg, std::string_view(svg_of(*test, stage.name, found)));
    say(fmt::format("curve: {}, numbers: {}", svg, csv));
  } catch (const std::runtime_error& error) {
    say(fmt::format("note: {}; numbers: {}", error.what(), csv));
  }
  return true;
}

}  // namespace avsr::pipeline
