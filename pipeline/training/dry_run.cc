#include "pipeline/training/dry_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>

#include "pipeline/data/input_rule.h"
#include "pipeline/progress.h"
#include "pipeline/training/recipe_check.h"
#include "pipeline/training/training_step.h"

namespace avsr::pipeline {
namespace {

constexpr int kClipsOnCpu = 4;

HostBatch batch_of(const TrainingStep& step, int clips, int frames, int labels) {
  HostBatch batch;
  step.writer().begin(std::vector<int>(static_cast<size_t>(clips), frames), batch);
  // Values of some spread: a network that sees nothing but zeros meets numbers that compute at another speed.
  for (size_t i = 0; i < batch.video.size(); ++i) batch.video[i] = static_cast<uint8_t>(i * 7919 >> 3);
  for (std::vector<float>* values : {&batch.audio, &batch.video_features})
    for (size_t i = 0; i < values->size(); ++i) (*values)[i] = static_cast<float>(i * 7919 % 1000) / 500.f - 1.f;
  std::fill(batch.video_scale.begin(), batch.video_scale.end(), 1 / 60.f);
  std::fill(batch.video_shift.begin(), batch.video_shift.end(), -2.f);
  for (int b = 0; b < clips; ++b) batch.labels[static_cast<size_t>(b)] = b % labels;
  return batch;
}

template <typename Work>
double seconds_of(backend::Backend& backend, const Work& work) {
  backend.synchronize();
  const auto start = std::chrono::steady_clock::now();
  work();
  backend.synchronize();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// "video" where all of it is so, else "video/trunk", …
std::vector<std::string> shortest(layers::ParameterArena& arena, bool frozen) {
  std::vector<std::string> paths;
  std::set<std::string> seen;
  for (const layers::Parameter* parameter : arena.all()) {
    const size_t first = parameter->name.find('/'), second = parameter->name.find('/', first + 1);
    const std::string top = parameter->name.substr(0, first), part = parameter->name.substr(0, second);
    const auto all_alike = [&](const std::string& path) {
      return std::all_of(arena.all().begin(), arena.all().end(), [&](const layers::Parameter* p) {
        return p->statistic || !layers::under_path(p->name, path) || p->frozen == frozen;
      });
    };
    if (parameter->statistic || parameter->frozen != frozen) continue;
    const std::string& path = all_alike(top) ? top : part;
    if (seen.insert(path).second) paths.push_back(path);
  }
  return paths;
}

StagePlan plan_stage(backend::Backend& backend, const Recipe& recipe, const Stage& stage, const DataSize& data,
                     const Ancestor* ancestor) {
  StagePlan plan;
  plan.stage = stage;
  InputRule rule;
  rule.geometry = recipe.data.geometry;
  rule.normalisation = recipe.data.normalisation;
  const bool cpu = backend.name() == "cpu";
  const int at_once = clips_of_part(stage);
  plan.measured_clips = cpu ? std::min(at_once, kClipsOnCpu) : at_once;
  TrainingStep step(backend, recipe, stage, rule, data.labels);
  layers::ParameterArena& arena = step.parameters();
  if (ancestor) plan.inherited = ancestor->plan(step.network(), {}, stage.load).loaded;
  plan.parameters = arena.count();
  for (const auto& [first, last] : arena.trainable_ranges()) plan.trained_parameters += last - first;
  plan.trained = shortest(arena, false);
  plan.frozen = shortest(arena, true);

  const auto train = [&](int clips, int64_t number) {
    const HostBatch batch = batch_of(step, clips, data.frames, data.labels);
    return seconds_of(backend, [&] { step.run(batch, 1e-6, number, 1); });
  };
  backend.restart_peak();
  train(1, 1);
  const size_t of_one = backend.memory().peak;
  train(plan.measured_clips, 2);  // makes kernels, finds algorithms
  const size_t of_measured = backend.memory().peak;
  const double per_clip =
      plan.measured_clips > 1 ? static_cast<double>(of_measured - of_one) / (plan.measured_clips - 1) : 0;
  plan.bytes = of_measured + static_cast<size_t>(per_clip * (at_once - plan.measured_clips));
  const double training = train(plan.measured_clips, 3);
  backend::Lengths lengths;
  const HostBatch batch = batch_of(step, plan.measured_clips, data.frames, data.labels);
  step.infer(batch, lengths);
  const double inference = seconds_of(backend, [&] { step.infer(batch, lengths); });
  plan.training_clips_per_second = plan.measured_clips / training;
  plan.inference_clips_per_second = plan.measured_clips / inference;

  plan.steps_per_epoch = std::max<int64_t>(1, data.training / stage.batch);
  plan.seconds = stage.epochs * (static_cast<double>(data.training) / plan.training_clips_per_second +
                                 static_cast<double>(data.validation) / plan.inference_clips_per_second);
  return plan;
}

std::string origin_of(const StagePlan& plan) {
  std::vector<std::string> origins;
  for (const Load& load : plan.stage.load)
    origins.push_back(fmt::format("{} of {}", fmt::join(load.parts, " "), load.from));
  if (!plan.inherited.empty()) origins.push_back(fmt::format("{} of the model given", fmt::join(plan.inherited, " ")));
  return origins.empty() ? "nothing: fresh weights" : fmt::format("{}", fmt::join(origins, "; "));
}

std::string millions(int64_t count) { return fmt::format("{:.2f} M", static_cast<double>(count) / 1e6); }

// "4:05", and with days where they are many.
std::string long_duration(double seconds) {
  constexpr double kDay = 86400;
  if (seconds < 2 * kDay) return duration_text(seconds);
  return fmt::format("{:.1f} days", seconds / kDay);
}

}  // namespace

DataSize size_of_lrw() { return {.training = 488'766, .validation = 25'000, .labels = 500, .frames = 29}; }

std::vector<StagePlan> plan_stages(backend::Backend& backend, const Recipe& recipe, const DataSize& data,
                                   const std::vector<std::string>& stages,
                                   const std::function<void(const std::string&)>& say) {
  std::optional<Ancestor> ancestor;
  if (!recipe.init.empty()) ancestor.emplace(recipe.init);
  check_recipe(backend, recipe, ancestor ? &*ancestor : nullptr, stages);
  std::vector<StagePlan> plans;
  for (const Stage& stage : recipe.stages) {
    if (!stages.empty() && std::find(stages.begin(), stages.end(), stage.name) == stages.end()) continue;
    plans.push_back(plan_stage(backend, recipe, stage, data, ancestor ? &*ancestor : nullptr));
    if (say) say(text_of(plans.back()));
  }
  return plans;
}

std::string text_of(const StagePlan& plan) {
  const Stage& stage = plan.stage;
  const char* back_end = "";
  for (const auto& [value, name] : models::kBackEndNames)
    if (value == stage.back_end) back_end = name;
  constexpr double kGib = 1 << 30;
  std::string text = fmt::format("stage {}: {}, {}\n", stage.name, models::name_of(stage.streams), back_end);
  text += fmt::format("  starts from  {}\n", origin_of(plan));
  text += fmt::format("  trains       {}: {} of {} parameters\n", fmt::join(plan.trained, " "),
                      millions(plan.trained_parameters), millions(plan.parameters));
  text += fmt::format("  frozen       {}{}\n",
                      plan.frozen.empty() ? "nothing" : fmt::format("{}", fmt::join(plan.frozen, " ")),
                      stage.statistics_move && !plan.frozen.empty() ? " (their batch-norm statistics move)" : "");
  text +=
      fmt::format("  steps        {} an epoch, batches of {} clips{}; {} epochs{}\n", plan.steps_per_epoch, stage.batch,
                  stage.accumulate > 1 ? fmt::format(" in {} parts", stage.accumulate) : "", stage.epochs,
                  stage.patience > 0 ? fmt::format(" at most, fewer after {} without gain", stage.patience) : "");
  text += fmt::format("  memory       about {:.1f} GiB of the device\n", static_cast<double>(plan.bytes) / kGib);
  text += fmt::format("  time         {} ({:.1f} clips/s; measured on a batch of {})\n", long_duration(plan.seconds),
                      plan.training_clips_per_second, plan.measured_clips);
  return text;
}

std::string total_of(const std::vector<StagePlan>& plans) {
  double seconds = 0;
  bool shorter = false;
  for (const StagePlan& plan : plans) {
    seconds += plan.seconds;
    shorter = shorter || plan.stage.patience > 0;
  }
  return fmt::format("{} stages, {}{} in all\n", plans.size(), shorter ? "at most " : "", long_duration(seconds));
}

}  // namespace avsr::pipeline
