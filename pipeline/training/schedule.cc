#include "pipeline/training/schedule.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>

#include "io/atomic_file.h"
#include "io/parallel.h"
#include "models/model_file.h"
#include "pipeline/training/memory_plan.h"
#include "pipeline/training/rate_finder.h"
#include "pipeline/training/recipe_check.h"
#include "pipeline/training/run_record.h"
#include "pipeline/training/training_report.h"
#include "pipeline/training/transfer.h"

namespace avsr::pipeline {
namespace {

std::optional<NoiseSource> babble_of(const Dataset& dataset, const DataSettings& data, const Reporter& reporter,
                                     const std::string& split) {
  if (data.noise_levels_db.empty()) return std::nullopt;
  try {
    return NoiseSource::babble({&dataset, clips_of(dataset)}, data.babble);
  } catch (const std::runtime_error& error) {
    if (reporter.say) reporter.say(fmt::format("note: {} stays clean: {}", split, error.what()));
    return std::nullopt;
  }
}

class Schedule {
 public:
  Schedule(backend::Backend& backend, const RunSettings& settings)
      : backend_(backend), settings_(settings), recipe_(settings.recipe), info_(read_dataset_info(settings.data)) {
    take_over_sizes(recipe_);
    if (!recipe_.init.empty()) ancestor_.emplace(recipe_.init);
    if (ranks().size() > 1)
      say(fmt::format("{} ranks; gradients are added up by {}", ranks().size(),
                      backend_.join(*ranks().communicator(), recipe_.sync_batch_norm)));
    check_recipe(backend_, recipe_, ancestor_ ? &*ancestor_ : nullptr, settings.stages);
    if (settings.find_rate && ranks().size() > 1)
      throw std::invalid_argument("[train] --find-rate runs on one rank: start it without mpirun");
    // The first rank alone looks at and makes the run's files; the others do as it found.
    if (ranks().leads() && !settings.find_rate) require_run(settings, info_.hash, origin());
    if (ranks().leads()) run_ = read_run(settings.out);
    run_ = nlohmann::json::parse(ranks().text_of_first(run_.dump()));
    choose_stages();
  }

  // What is wrong with the data or the memory is found out before the folder has a run: the mended command can start.
  void check() {
    open_data();
    check_batches();
    check_memory();
  }

  bool run() {
    check();
    if (!make_rule()) return false;
    if (ranks().leads() && !settings_.find_rate) run_ = open_run(settings_, info_.hash, origin());
    run_ = nlohmann::json::parse(ranks().text_of_first(run_.dump()));
    if (settings_.find_rate) return find_rate(backend_, stage_settings(*chosen_.front()), settings_.out / "find-rate");
    for (const Stage* stage : chosen_) {
      if (finished(stage->name)) {
        say(fmt::format("stage {} is finished already", stage->name));
        publish(*stage, false);
        continue;
      }
      if (!run_stage(*stage)) return false;
    }
    return true;
  }

 private:
  const Ranks& ranks() const { return settings_.ranks; }
  void say(const std::string& line) const {
    if (settings_.reporter.say) settings_.reporter.say(line);
  }
  bool finished(const std::string& stage) const { return stage_finished(settings_.out, run_, stage); }
  // The model that the run starts from (a list of several), as run.json and the models remember it; null: none.
  nlohmann::json origin() const {
    nlohmann::json models;
    if (ancestor_)
      for (const Ancestor::Model& model : ancestor_->models())
        models.push_back({{"file", model.path}, {"hash", model.hash}});
    return models.size() == 1 ? models.front() : models;
  }

  void choose_stages() {
    const std::set<std::string> wanted(settings_.stages.begin(), settings_.stages.end());
    std::set<std::string> available;
    for (const Stage& stage : recipe_.stages) {
      if (finished(stage.name)) available.insert(stage.name);
      if (!wanted.empty() && !wanted.count(stage.name)) continue;
      for (const Load& load : stage.load)
        if (!available.count(load.from))
          throw std::runtime_error(
              fmt::format("[train] stage '{}' starts from stage '{}', which is not finished in {}: run it first",
                          stage.name, load.from, settings_.out.string()));
      available.insert(stage.name);
      chosen_.push_back(&stage);
      if (settings_.find_rate && settings_.stages.empty()) break;
    }
  }

  // Fewer clips than a batch has make one smaller batch, and fewer than its parts fewer parts.
  void check_batches() const {
    const auto examples = static_cast<int64_t>(training_->samples().size());
    for (const Stage* stage : chosen_) {
      const int64_t batch = std::min<int64_t>(stage->batch, examples),
                    part = batch / std::min<int64_t>(stage->accumulate, batch);
      if (part < ranks().size())
        throw std::invalid_argument(fmt::format(
            "[train] stage '{}' has batches of {} clips in {} parts (accumulate) for {} ranks: each needs one "
            "of every part at least; {}",
            stage->name, batch, stage->accumulate, ranks().size(),
            batch < stage->batch ? "there are no more training clips: start fewer ranks"
                                 : "raise its batch or start fewer ranks"));
    }
  }

  void open_data() {
    Dataset::Settings data;
    data.streams = streams_of(recipe_);
    data.window_frames = recipe_.data.window_frames;
    data.targets = recipe_.data.targets;
    data.background = recipe_.data.background;
    data.labels = labels_of(recipe_.data);
    data.cache = make_cache_budget(settings_.cache_gb, ranks().on_this_machine());
    training_ = Dataset::open(settings_.data, "train", data);
    data.labels = training_->labels();
    data.background = false;  // accuracies are those of words
    validation_ = Dataset::open(settings_.data, "val", data);
    for (const Dataset* dataset : {training_.get(), validation_.get()})
      for (const std::string& note : dataset->notes()) say("note: " + note);
    say(fmt::format("{} training and {} validation examples of {} {}", training_->samples().size(),
                    validation_->samples().size(), training_->labels().size(),
                    data.targets == Targets::words ? "words" : "symbols"));
    constexpr double kGb = 1e9;
    say(fmt::format("decoded, their clips take {:.2f} GB; up to {:.2f} GB of them are kept in memory (--cache-gb)",
                    static_cast<double>(training_->decoded_bytes() + validation_->decoded_bytes()) / kGb,
                    static_cast<double>(data.cache->left()) / kGb));
    if (data.streams != models::Streams::video) {
      training_noise_ = babble_of(*training_, recipe_.data, settings_.reporter, "training");
      validation_noise_ = babble_of(*validation_, recipe_.data, settings_.reporter, "validation");
    }

    rule_.crop = info_.json.value("crop", nlohmann::json());
    rule_.geometry = recipe_.data.geometry;
    rule_.normalisation = recipe_.data.normalisation;
    rule_.window_frames = trained_frames();
  }

  // What of the input is measured on the training clips, or taken over. False when the user stopped it.
  bool make_rule() {
    if (ancestor_) {
      const AdoptedRule adopted = adopt(*ancestor_, recipe_.network, rule_);
      for (const std::string& note : adopted.notes) say(note);
      if (adopted.pixels) return true;
    }
    return streams_of(recipe_) == models::Streams::audio || measure();
  }

  bool measure() {
    std::optional<preprocessing::PixelStatistics> statistics;
    if (ranks().leads())
      statistics = measure_pixels(*training_, rule_, [&](int64_t done, int64_t total) {
        if (settings_.reporter.tick) settings_.reporter.tick(done, total, "measuring pixels");
        return !(settings_.stop && *settings_.stop);
      });
    if (!ranks().any(statistics.has_value())) return false;
    if (ranks().leads()) rule_.pixels = *statistics;
    if (ranks().size() > 1)
      rule_ = input_rule_from_json(nlohmann::json::parse(ranks().text_of_first(to_json(rule_).dump())));
    return true;
  }

  // Sentences, and clips with a label, train whole: where all are, their own length is what the networks learn, not the
  // recipe's.
  int trained_frames() const {
    const int wanted = recipe_.data.window_frames, whole = training_->whole_clip_frames();
    if (whole == 0 || whole == wanted) return wanted;
    if (recipe_.data.targets != Targets::words) return whole;
    say(fmt::format("note: the word clips have {} frames (median), the recipe says {}: the models will look at {}",
                    whole, wanted, whole));
    return whole;
  }

  // Of every stage, before the first one trains.
  void check_memory() const {
    int frames = 1;
    for (const Dataset* data : {training_.get(), validation_.get()})
      for (const Sample& sample : data->samples()) frames = std::max(frames, sample.frames);
    for (const Stage* stage : chosen_)
      if (!finished(stage->name))
        require_memory(backend_, recipe_, *stage, rule_, static_cast<int>(training_->labels().size()), frames,
                       settings_.reporter.say, ranks().size());
  }

  StageSettings stage_settings(const Stage& stage) const {
    StageSettings one;
    one.recipe = &recipe_;
    one.stage = &stage;
    one.training = training_.get();
    one.validation = validation_.get();
    one.training_noise = training_noise_ ? &*training_noise_ : nullptr;
    one.validation_noise = validation_noise_ ? &*validation_noise_ : nullptr;
    one.rule = rule_;
    one.ancestor = ancestor_ ? &*ancestor_ : nullptr;
    one.folder = settings_.out / stage.name;
    for (const Stage& other : recipe_.stages)
      if (finished(other.name)) one.results[other.name] = stage_model(settings_.out, other.name);
    one.provenance = {{"recipe", recipe_.name},           {"seed", recipe_.seed},
                      {"data_hash", info_.hash},          {"date", time_text()},
                      {"device", backend_.description()}, {"talkers", training_->talkers()}};
    if (ancestor_) one.provenance["init"] = origin();
    if (ranks().size() > 1) one.provenance["ranks"] = ranks().size();
    one.ranks = ranks();
    one.workers = settings_.workers;
    one.checkpoint_minutes = settings_.checkpoint_minutes;
    one.keep_checkpoints = settings_.keep_checkpoints;
    one.watch_every = settings_.watch_every;
    one.stop = settings_.stop;
    one.reporter = settings_.reporter;
    return one;
  }

  bool run_stage(const Stage& stage) {
    say(fmt::format("stage {}: {}, trains {}", stage.name, name_of(stage.streams), fmt::join(stage.train, " ")));
    const StageResult result = train_stage(backend_, stage_settings(stage));
    if (!result.finished) return false;
    finish_stage(stage, result.progress);
    ranks().barrier();  // the next stage reads what the first rank has written
    return true;
  }

  // The last stage of its kind gives the model of that kind. A changed recipe may make a finished stage the last.
  void publish(const Stage& stage, bool anew) const {
    const std::filesystem::path model = settings_.out / fmt::format("{}.safetensors", name_of(stage.streams));
    const bool last_of_kind = std::none_of(&stage + 1, recipe_.stages.data() + recipe_.stages.size(),
                                           [&](const Stage& later) { return later.streams == stage.streams; });
    if (ranks().leads() && last_of_kind && (anew || !std::filesystem::exists(model)))
      io::write_file_atomically(model.string(), io::read_binary_file(stage_model(settings_.out, stage.name).string()));
  }

  void finish_stage(const Stage& stage, const StageProgress& progress) {
    publish(stage, true);
    run_["stages"][stage.name] = {{"epochs", progress.epoch},
                                  {"best_epoch", progress.best_epoch + 1},
                                  {"val_accuracy", progress.best_accuracy},
                                  {"seconds", progress.total_seconds},
                                  {"finished", time_text()}};
    if (ranks().leads()) save_run(settings_.out, run_);
    if (ranks().leads()) write_training_reports(settings_.out, recipe_, stage, run_, backend_.description());
    say(fmt::format("stage {} ends: {:.1f} % on validation (epoch {}), {:.0f} s", stage.name,
                    100 * progress.best_accuracy, progress.best_epoch + 1, progress.total_seconds));
  }

  backend::Backend& backend_;
  const RunSettings& settings_;
  Recipe recipe_;  // with the sizes that it takes over from `init`
  DatasetInfo info_;
  nlohmann::json run_;
  std::vector<const Stage*> chosen_;
  std::unique_ptr<Dataset> training_, validation_;
  std::optional<NoiseSource> training_noise_, validation_noise_;
  InputRule rule_;
  std::optional<Ancestor> ancestor_;
};

}  // namespace

void RunSettings::validate() const {
  if (workers < 0 || workers > io::kMostWorkers)
    throw std::invalid_argument(
        fmt::format("[train] expected 0 to {} loader threads (--workers), found {}", io::kMostWorkers, workers));
  if (!(checkpoint_minutes >= 0 && std::isfinite(checkpoint_minutes)))
    throw std::invalid_argument(fmt::format(
        "[train] expected 0 or more minutes between checkpoints (--checkpoint-minutes), found {}", checkpoint_minutes));
  if (keep_checkpoints < 0)
    throw std::invalid_argument(
        fmt::format("[train] expected 0 or more checkpoints to keep (--keep-checkpoints), found {}", keep_checkpoints));
  if (find_rate && (stages.size() > 1 || resume))
    throw std::invalid_argument(
        "[train] --find-rate tries the rates of one stage: name one in --stages, without --resume");
  if (watch_every < 0)
    throw std::invalid_argument(fmt::format(
        "[train] expected 0 or more steps between looks at the layers (--watch-every), found {}", watch_every));
  make_cache_budget(cache_gb);  // complains
}

void check_schedule(backend::Backend& backend, const RunSettings& settings) {
  settings.validate();
  Schedule(backend, settings).check();
}

bool run_schedule(backend::Backend& backend, const RunSettings& settings) {
  settings.validate();
  if (settings.ranks.size() == 1) return Schedule(backend, settings).run();
  try {
    return Schedule(backend, settings).run();
  } catch (const std::exception& error) {
    // Here, while the back end is still there: one that ends waits for sums that the others would not join any more.
    settings.ranks.communicator()->abort(error.what());
    throw;  // not reached, which the compiler does not know of a virtual function
  }
}

}  // namespace avsr::pipeline
