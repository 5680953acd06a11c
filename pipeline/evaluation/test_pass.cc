#include "pipeline/evaluation/test_pass.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "io/parallel.h"
#include "io/sound_file.h"
#include "pipeline/pinning.h"

namespace avsr::pipeline {
namespace {

using models::Streams;

// Clips of a speaker, or cut from one recording (Sample::clip), have one number.
void find_groups(const Dataset& dataset, TestedSplit& split) {
  std::map<std::string, int> speakers;
  std::map<int, int> recordings;
  for (const Sample& sample : dataset.samples()) {
    const std::string& speaker = dataset.record(sample.clip).speaker;
    split.speakers.push_back(speaker);
    speakers.emplace(speaker, static_cast<int>(speakers.size()));
    recordings.emplace(sample.clip, static_cast<int>(recordings.size()));
  }
  const bool by_speaker = speakers.size() >= kFewestSpeakers && !speakers.count("");
  split.grouped_by = by_speaker ? "speaker" : "recording";
  for (const Sample& sample : dataset.samples())
    split.groups.push_back(by_speaker ? speakers.at(dataset.record(sample.clip).speaker) : recordings.at(sample.clip));
}

}  // namespace

TestPass::TestPass(const TestedModels& models, const EvaluationSettings& settings, const std::string& tested,
                   const EvaluationTick& tick, Dataset::Settings wanted)
    : models_(models), settings_(settings), tick_(tick) {
  open_data(std::move(wanted));
  check_missing();
  open_noises(tested);
}

void TestPass::open_data(Dataset::Settings wanted) {
  const DatasetInfo info = read_dataset_info(settings_.data);
  check_models(models_, info.json.value("crop", nlohmann::json()), settings_.data);
  wanted.streams = streams_of(models_);
  wanted.labels = models_.front()->labels();
  targets_ = wanted.targets;
  wanted.cache = cache_ = make_cache_budget(settings_.cache_gb);
  dataset_ = Dataset::open(settings_.data, settings_.split, wanted);
  hears_ = wanted.streams != models::Streams::video;
  names_ = names_of(models_, settings_.names);
  split_.notes = dataset_->notes();
  for (const Sample& sample : dataset_->samples()) split_.keys.push_back(sample.key);
  find_groups(*dataset_, split_);
  split_.conditions = conditions_of(settings_);
  split_.models = describe_models(models_, names_);
  split_.data = {{"folder", settings_.data},    {"split", settings_.split},       {"hash", info.hash},
                 {"clips", split_.keys.size()}, {"labels", wanted.labels.size()}, {"seed", settings_.seed}};
  for (const auto& [over, name] : preprocessing::kSnrOverNames)
    if (over == settings_.snr_over) split_.data["snr_over"] = name;
}

void TestPass::check_missing() {
  for (const Condition& condition : split_.conditions)
    for (size_t m = 0; condition.missing && m < models_.size(); ++m) {
      const std::optional<size_t> other = answerer(models_, m, condition);
      if (other && *other != m)
        note_once(fmt::format("without {}, {} answers in place of {}, which was not trained with modality dropout",
                              stream_word(*condition.missing), names_[*other], names_[m]));
    }
}

void TestPass::open_noises(const std::string& tested) {
  const bool noisy = hears_ && std::any_of(split_.conditions.begin(), split_.conditions.end(),
                                           [](const Condition& c) { return c.noise >= 0; });
  const TestNoiseFrom from{settings_.data,   *dataset_, settings_.split, tested, training_talkers_of(models_),
                           settings_.voices, cache_,    targets_};
  for (const std::string& kind : settings_.noises) {
    nlohmann::json described{{"kind", kind}};
    if (noisy) {
      noises_.push_back(open_test_noise(kind, from));
      described = noises_.back().source.description();
      for (const std::string& note : noises_.back().notes) note_once(note);
    }
    described["name"] =
        described.contains("file") || described.contains("folder") ? std::filesystem::path(kind).stem().string() : kind;
    split_.noises.push_back(std::move(described));
  }
  if (hears_ && !settings_.room.empty()) {
    room_ = io::read_sound(settings_.room);
    split_.data["room"] = settings_.room;
    note_once(fmt::format("all speech is heard in the room of {}; noise is not", settings_.room));
  }
}

void TestPass::note_once(const std::string& note) {
  if (std::find(split_.notes.begin(), split_.notes.end(), note) == split_.notes.end()) split_.notes.push_back(note);
}

std::vector<std::string> TestPass::condition_names() const {
  std::vector<std::string> names;
  for (const Condition& condition : split_.conditions) names.push_back(split_.name_of(condition));
  return names;
}

size_t TestPass::twin(size_t model, size_t condition) const {
  const Streams streams = models_[model]->streams();
  const Condition& wanted = split_.conditions[condition];
  for (size_t c = 0; c < condition; ++c) {
    const Condition& other = split_.conditions[c];
    if ((streams == Streams::video || wanted.same_sound(other)) &&
        (streams == Streams::audio || wanted.same_picture(other)))
      return c;
  }
  return condition;
}

std::optional<TestPass::Source> TestPass::source(size_t model, size_t condition) const {
  const std::optional<size_t> who = answerer(models_, model, split_.conditions[condition]);
  if (!who) return std::nullopt;
  return Source{*who, twin(*who, condition)};
}

bool TestPass::answers_itself(size_t model, size_t condition) const {
  const std::optional<Source> from = source(model, condition);
  return from && from->model == model && from->condition == condition;
}

TestBatches TestPass::batches(const Wants& wants) const {
  TestSettings test;
  test.conditions = split_.conditions;
  for (const TestNoise& noise : noises_) test.noises.push_back(&noise.source);
  test.snr_over = settings_.snr_over;
  test.room = room_.samples.empty() ? nullptr : &room_;
  test.room_name = settings_.room;
  test.seed = settings_.seed;
  test.batch = settings_.batch;
  std::vector<const BatchWriter*> readers;
  for (const auto& model : models_) readers.push_back(&model->writer());
  return {*dataset_, std::move(readers), std::move(test), wants};
}

void TestPass::run(const std::string& what, const Wants& wants,
                   const std::function<void(const TestBatches::Made& made)>& observe) const {
  TestBatches batches = this->batches(wants);
  const size_t clips = split_.keys.size();
  const auto all = static_cast<int64_t>(clips * split_.conditions.size());
  int64_t done = 0;
  const int workers = settings_.workers > 0 ? settings_.workers : std::max(1, allowed_cores() / 2);
  io::parallel_ordered(
      batches.count(), workers, static_cast<size_t>(2 * workers),
      [&](size_t i) {
        free_this_thread();
        batches.make(i);
      },
      [&](size_t i) {
        const TestBatches::Made made = batches.take(i);
        observe(made);
        done += static_cast<int64_t>(std::min(clips - made.first_clip, static_cast<size_t>(settings_.batch)));
        if (tick_) tick_(what, done, all);
      });
}

}  // namespace avsr::pipeline
