#include "pipeline/training/memory_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "pipeline/training/training_step.h"

namespace avsr::pipeline {
namespace {

constexpr double kKept = 0.05;  // of the device, for its libraries' own use and what does not fit between allocations

double gibibytes(size_t bytes) { return static_cast<double>(bytes) / (1 << 30); }

// The most memory in use while a batch is trained on whose parts have so many clips.
size_t bytes_of_step(const backend::Backend& backend, const Recipe& recipe, const Stage& stage, const InputRule& rule,
                     int labels, int frames, int clips) {
  const auto rehearsal = backend.rehearsal();
  TrainingStep step(*rehearsal, recipe, stage, rule, labels);
  HostBatch batch;
  step.writer().begin(std::vector<int>(static_cast<size_t>(clips), frames), batch);
  batch.labels.assign(static_cast<size_t>(clips), 0);
  batch.whole_clips = clips * stage.accumulate;
  for (int part = 0; part < stage.accumulate; ++part) step.launch(batch, 0);
  step.finish(stage.rate, 1);
  backend::Lengths steps;
  step.infer(batch, steps);  // validation
  return rehearsal->memory().peak;
}

}  // namespace

std::string MemoryPlan::text() const {
  return fmt::format("about {:.1f} of {:.1f} GiB for {} clips at once", gibibytes(needed), gibibytes(total), clips);
}

std::optional<MemoryPlan> plan_memory(const backend::Backend& backend, const Recipe& recipe, const Stage& stage,
                                      const InputRule& rule, int labels, int frames) {
  if (backend.memory().total == 0 || !backend.rehearsal()) return std::nullopt;
  const auto bytes = [&](int clips) { return bytes_of_step(backend, recipe, stage, rule, labels, frames, clips); };
  const int clips = clips_of_part(stage);
  MemoryPlan plan{.needed = bytes(clips), .total = backend.memory().total, .clips = clips};
  const auto room = static_cast<size_t>((1 - kKept) * static_cast<double>(plan.total));
  plan.fitting_clips =
      plan.needed <= room ? clips : fitting_clips(room, clips > 1 ? bytes(1) : plan.needed, plan.needed, clips);
  return plan;
}

void require_memory(const backend::Backend& backend, const Recipe& recipe, const Stage& stage, const InputRule& rule,
                    int labels, int frames, const std::function<void(const std::string&)>& say, int ranks) {
  Stage part = stage;
  part.batch = (stage.batch + ranks - 1) / ranks;
  const auto plan = plan_memory(backend, recipe, part, rule, labels, frames);
  if (!plan) return;
  const std::string text = plan->text() + (ranks > 1 ? fmt::format(" on each of {} ranks", ranks) : "");
  if (say) say(fmt::format("stage {}: memory {}", stage.name, text));
  if (plan->fits()) return;
  const char* bf16 = backend.precision() == backend::Precision::bf16 ? "" : ", or --precision bf16";
  throw std::runtime_error(fmt::format("[train] stage '{}' needs {}: {}{}", stage.name, text,
                                       plan->fitting_clips > 0 ? parts_that_fit(stage, plan->fitting_clips)
                                                               : "not even one clip fits; use a smaller network",
                                       bf16));
}

std::string parts_that_fit(const Stage& stage, int fitting) {
  const int parts = (stage.batch + fitting - 1) / fitting;
  return fmt::format(
      "about {0} clips would fit; use --set stages.{1}.accumulate={2}, which computes the batch of {3} in {2} parts, "
      "or "
      "a smaller batch",
      fitting, stage.name, parts, stage.batch);
}

int fitting_clips(size_t room, size_t one, size_t needed, int clips) {
  if (needed <= room) return clips;
  if (one > room || clips < 2) return 0;
  // Memory grows by the same with every clip, apart from what is there anyway.
  const double clip = static_cast<double>(needed - one) / (clips - 1);
  return std::min(clips - 1, 1 + static_cast<int>(static_cast<double>(room - one) / clip));
}

}  // namespace avsr::pipeline
