#include "pipeline/training/trainer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "io/atomic_file.h"
#include "models/model_file.h"
#include "pipeline/training/stage_batches.h"
#include "pipeline/training/stage_checkpoints.h"
#include "pipeline/training/stage_log.h"
#include "pipeline/training/stage_watch.h"
#include "pipeline/training/training_step.h"
#include "preprocessing/random.h"

namespace avsr::pipeline {

// A field that a checkpoint of an earlier version lacks keeps its default.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(StageProgress, epoch, batch, step, loss_sum, clips, units, correct,
                                                seconds, waited_seconds, gradient_norm_sum, total_seconds,
                                                best_accuracy, best_loss, best_epoch, stale_epochs, plateau)

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

models::LossSettings without_smoothing(models::LossSettings loss) {
  loss.label_smoothing = 0;
  return loss;
}

int labels_of(const StageSettings& settings) { return static_cast<int>(settings.training->labels().size()); }

class StageTrainer {
 public:
  StageTrainer(backend::Backend& backend, const StageSettings& settings)
      : settings_(settings),
        recipe_(*settings.recipe),
        stage_(*settings.stage),
        seed_(preprocessing::derive_key(recipe_.seed, preprocessing::hash_text(stage_.name))),
        step_(backend, recipe_, stage_, settings.rule, labels_of(settings), settings.ranks),
        validation_scorer_(make_scorer(backend, without_smoothing(stage_.loss), labels_of(settings))),
        checkpoints_(settings.folder, settings.keep_checkpoints) {
    if (!ranks().leads()) ranks().barrier();  // the first puts damaged checkpoints out of the way
    if (const auto state = checkpoints_.load(step_.parameters(), step_.optimizer().tensors(), settings.reporter.say))
      progress_ = state->get<StageProgress>();
    else
      load_parts(settings_, step_.network());
    if (ranks().leads()) ranks().barrier();
    require_equal_start();
    if (ranks().leads()) {
      log_.emplace(settings_.folder / "log.jsonl", stage_, settings_.reporter, progress_.epoch);
      watch_.emplace(watch_settings(), step_.network(), settings_.reporter);
    }
  }

  StageResult run() {
    while (progress_.epoch < stage_.epochs && !out_of_patience()) {
      if (!train_epoch() || !end_epoch()) {
        save_checkpoint();
        return {progress_, false};
      }
    }
    return {progress_, true};
  }

 private:
  const Ranks& ranks() const { return settings_.ranks; }
  std::filesystem::path model_path() const { return settings_.folder / "model.safetensors"; }
  bool out_of_patience() const { return stage_.patience > 0 && progress_.stale_epochs >= stage_.patience; }

  void require_equal_start() {
    constexpr const char* kRemedy = "all ranks must see the same files under --data and --out, which machines share";
    ranks().require_equal(preprocessing::hash_text(nlohmann::json(progress_).dump()), "the checkpoint", kRemedy);
    require_equal_weights(kRemedy);
  }

  // Every rank makes the same steps from the same sums, so that a difference is a fault.
  void require_equal_weights(const char* remedy) {
    if (ranks().size() == 1) return;
    uint64_t hash = 0;
    for (const backend::Tensor* flat : {&step_.parameters().values(), &step_.parameters().statistics()}) {
      const std::vector<float> values = step_.parameters().backend().values(*flat);
      hash = preprocessing::derive_key(hash, preprocessing::hash_text({reinterpret_cast<const char*>(values.data()),
                                                                       values.size() * sizeof(float)}));
    }
    ranks().require_equal(hash, "the weights", remedy);
  }

  StageWatch::Settings watch_settings() const {
    StageWatch::Settings watch;
    watch.folder = settings_.folder;
    watch.stage = stage_.name;
    // Of ctc there is no loss that says that nothing was learned.
    watch.labels = stage_.loss.kind == models::Loss::ctc ? 1 : labels_of(settings_);
    watch.rate = stage_.rate;
    watch.every = settings_.watch_every;
    watch.first_step = progress_.step + 1;
    watch.warned = log_->warned();
    return watch;
  }

  LoaderSettings loader_settings(bool training) const {
    LoaderSettings loader = loader_settings_of(recipe_, stage_, training);
    loader.seed = training ? seed_ : recipe_.seed;
    loader.epoch = training ? progress_.epoch : 0;  // validation is the same every epoch and in every stage
    loader.noise = training ? settings_.training_noise : settings_.validation_noise;
    loader.first_batch = training ? progress_.batch : 0;
    loader.workers = settings_.workers;
    loader.ranks = ranks();
    return loader;
  }

  bool train_epoch() {
    Loader loader(*settings_.training, step_.writer(), loader_settings(true));
    const Clock::time_point start = Clock::now();
    Clock::time_point last_checkpoint = start;
    const double seconds_before = progress_.seconds, waited_before = progress_.waited_seconds;
    HostBatch part;
    bool begun = false;
    while (loader.next(part)) {
      if (!begun && watch_) watch_->before_step(progress_.step + 1);
      begun = !part.ends_batch;
      step_.launch(part, dropout_seed());
      if (!part.ends_batch) continue;  // a checkpoint knows whole steps only
      finish_step(loader.batches());
      progress_.seconds = seconds_before + seconds_since(start);
      progress_.waited_seconds = waited_before + loader.waited_seconds();
      note();
      const bool stop = !tick(progress_.clips, loader.examples(), "");
      const bool due = ranks().leads() && seconds_since(last_checkpoint) > 60 * settings_.checkpoint_minutes;
      std::array<double, 2> votes{stop ? 1.0 : 0.0, due ? 1.0 : 0.0};
      ranks().sum(votes);
      if (votes[0] > 0) return false;
      if (votes[1] > 0) {
        save_checkpoint();
        last_checkpoint = Clock::now();
      }
    }
    return true;
  }

  void finish_step(int batches) {
    rate_ = rate_at(stage_, progress_.epoch, static_cast<double>(progress_.batch) / batches, progress_.plateau);
    const auto [score, norm] = step_.finish(rate_, progress_.step + 1);
    if (!std::isfinite(score.loss_sum)) stop_diverged("the loss");
    if (!std::isfinite(norm)) stop_diverged("the gradients' norm");
    ++progress_.step;
    ++progress_.batch;
    progress_.loss_sum += score.loss_sum;
    progress_.clips += score.clips;
    progress_.units += score.units;
    progress_.correct += score.correct;
    progress_.gradient_norm_sum += norm;
    if (watch_) watch_->after_step({progress_.step, rate_, norm, score, batches});
  }

  // Another for each rank: its clips are others.
  uint64_t dropout_seed() const {
    const uint64_t seed = preprocessing::derive_key(seed_, static_cast<uint64_t>(progress_.step));
    return ranks().leads() ? seed : preprocessing::derive_key(seed, static_cast<uint64_t>(ranks().rank()));
  }

  [[noreturn]] void stop_diverged(const std::string& what) {
    throw std::runtime_error(
        fmt::format("[train] stage '{}', epoch {}, batch {}: {} is not finite; {}.{} Lower the stage's rate "
                    "({}), or set optimizer.clip_norm",
                    stage_.name, progress_.epoch + 1, progress_.batch + 1, what, first_not_finite(step_.network()),
                    checkpoints_.any() ? " The checkpoint is from before it." : "", stage_.rate));
  }

  // In the running epoch.
  Score trained_so_far() const { return {progress_.loss_sum, progress_.clips, progress_.units, progress_.correct}; }

  void note() const {
    if (!settings_.reporter.note) return;
    const Score score = trained_so_far();
    settings_.reporter.note(fmt::format("loss {:.3f}, {:.1f} %, rate {:.1e}, waited for data {:.1f} %", score.loss(),
                                        100 * score.accuracy(), rate_,
                                        100 * progress_.waited_seconds / std::max(1e-9, progress_.seconds)));
  }

  // False: the user wants it to stop.
  bool tick(int64_t clips, int64_t of, const char* part) const {
    if (settings_.reporter.tick)
      settings_.reporter.tick(clips, of,
                              fmt::format("{} epoch {}/{}{}", stage_.name, progress_.epoch + 1, stage_.epochs, part));
    return !(settings_.stop && *settings_.stop);
  }

  // No value when stopped.
  std::optional<Score> validate() {
    Loader loader(*settings_.validation, step_.writer(), loader_settings(false));
    HostBatch batch;
    Score total;
    bool stop = false;
    while (!stop && loader.next(batch)) {
      if (batch.clips == 0) continue;  // fewer clips than ranks
      backend::Lengths steps;
      const backend::Tensor& logits = step_.infer(batch, steps);
      total += validation_scorer_->score(logits, steps, batch);
      stop = !tick(total.clips * ranks().size(), loader.examples(), ", validation");
    }
    std::array<double, 1> stops{stop ? 1.0 : 0.0};
    ranks().sum(stops);
    if (stops[0] > 0) return std::nullopt;
    return sum_over(ranks(), total);
  }

  // False when stopped; the epoch's training then stands in the checkpoint, and its validation is done again.
  bool end_epoch() {
    const Clock::time_point start = Clock::now();
    const std::optional<Score> validated = validate();
    if (!validated) return false;
    const Score& validation = *validated;
    if (!std::isfinite(validation.loss_sum)) stop_diverged("the validation loss");
    const double training_seconds = progress_.seconds;
    progress_.seconds += seconds_since(start);
    // The first epoch is the best so far, however bad: of sentences the accuracy has no lowest value.
    const bool better = progress_.best_epoch < 0 || validation.accuracy() > progress_.best_accuracy;
    if (better) {
      progress_.best_accuracy = validation.accuracy();
      progress_.best_loss = validation.loss();
      progress_.best_epoch = progress_.epoch;
      progress_.stale_epochs = 0;
      save_model();
    } else {
      ++progress_.stale_epochs;
    }
    report(validation, better, training_seconds);
    if (observe(stage_, progress_.epoch, validation.accuracy(), validation.loss(), progress_.plateau) &&
        settings_.reporter.say)
      settings_.reporter.say(fmt::format("{}: validation stands on a plateau: the rate goes down to {:g}", stage_.name,
                                         rate_at(stage_, progress_.epoch + 1, 0, progress_.plateau)));
    progress_.total_seconds += progress_.seconds;
    progress_.loss_sum = progress_.seconds = progress_.waited_seconds = progress_.gradient_norm_sum = 0;
    progress_.clips = progress_.units = progress_.correct = 0;
    progress_.batch = 0;
    ++progress_.epoch;
    save_checkpoint();
    if (ranks().leads()) checkpoints_.keep(progress_.epoch);
    return true;
  }

  void report(const Score& validation, bool better, double training_seconds) {
    EpochSummary summary;
    summary.epoch = progress_.epoch;
    summary.step = progress_.step;
    summary.rate = rate_at(stage_, progress_.epoch, 0, progress_.plateau);
    summary.training = trained_so_far();
    summary.validation = validation;
    summary.best = better;
    summary.training_seconds = training_seconds;
    summary.waited_seconds = progress_.waited_seconds;
    summary.gradient_norm = progress_.gradient_norm_sum / std::max(1, progress_.batch);
    summary.seconds = progress_.seconds;
    const double per_epoch = (progress_.total_seconds + progress_.seconds) / (progress_.epoch + 1);
    summary.stage_seconds_left = per_epoch * (stage_.epochs - progress_.epoch - 1);
    if (watch_) watch_->end_epoch(summary);
    if (log_) log_->add(summary);
  }

  // What cannot be gone on from must not take the place of what can.
  void save_checkpoint() {
    if (!all_finite(step_.parameters())) stop_diverged("a parameter");
    require_equal_weights(
        "the ranks have not computed alike; the last checkpoint is good: go on from it with --resume, and look for a "
        "faulty machine, or for machines with other processors or libraries");
    if (!ranks().leads()) return;
    checkpoints_.save(step_.parameters(), step_.optimizer().tensors(), progress_);
  }

  void save_model() {
    if (!ranks().leads()) return;
    models::ModelFile file;
    file.config = step_.network().config();
    file.labels = settings_.training->labels();
    file.preprocessing = to_json(settings_.rule);
    file.provenance = settings_.provenance;
    file.provenance["stage"] = stage_.name;
    file.provenance["epoch"] = progress_.epoch + 1;
    file.averaging = {stage_.loss.kind, stage_.loss.middle_steps};
    file.provenance["val_accuracy"] = progress_.best_accuracy;
    models::save_model(model_path(), file, step_.parameters());
  }

  const StageSettings& settings_;
  const Recipe& recipe_;
  const Stage& stage_;
  uint64_t seed_;
  TrainingStep step_;
  std::unique_ptr<Scorer> validation_scorer_;
  StageCheckpoints checkpoints_;
  StageProgress progress_;
  double rate_ = 0;  // of the last step
  std::optional<StageLog> log_;
  std::optional<StageWatch> watch_;
};

}  // namespace

void load_parts(const StageSettings& settings, models::Network& network) {
  const auto say = [&](const std::string& line) {
    if (settings.reporter.say) settings.reporter.say(line);
  };
  Inheritance inheritance;
  if (settings.ancestor) {
    inheritance = settings.ancestor->load(network, settings.training->labels(), settings.stage->load);
    say(fmt::format("stage {} starts from {}: {}", settings.stage->name, settings.ancestor->path(),
                    inheritance.text()));
  }
  // After the ancestor: of a part that a load brings some of, the rest is the ancestor's.
  for (const Load& load : settings.stage->load) {
    const auto found = settings.results.find(load.from);
    if (found == settings.results.end())
      throw std::runtime_error(
          fmt::format("[train] stage '{}' starts from stage '{}', which is not finished: run it first",
                      settings.stage->name, load.from));
    models::load_parameters(found->second, network.parameters(), load.parts);
  }
  if (const auto parts = random_and_frozen(network.parameters(), settings.stage->load, inheritance); !parts.empty())
    say(fmt::format(
        "warning: stage '{}' neither trains {} nor loads all of it: it stays as it was drawn at random (--init MODEL "
        "fills it)",
        settings.stage->name, fmt::join(parts, ", ")));
}

StageResult train_stage(backend::Backend& backend, const StageSettings& settings) {
  if (settings.ranks.leads()) {
    std::filesystem::create_directories(settings.folder);
    io::remove_abandoned_temporaries(settings.folder.string());
  }
  return StageTrainer(backend, settings).run();
}

}  // namespace avsr::pipeline
