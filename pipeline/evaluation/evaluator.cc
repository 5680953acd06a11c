#include "pipeline/evaluation/evaluator.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "eval/calibration.h"
#include "eval/scores.h"
#include "io/parallel.h"
#include "io/sound_file.h"
#include "pipeline/pinning.h"

namespace avsr::pipeline {
namespace {

using models::Streams;

constexpr size_t kShownWorst = 12;  // clips in the report

int64_t clip_count(const TestBatches::Made& made) {
  int64_t clips = 0;
  for (const HostBatch& batch : made.batches) clips = std::max<int64_t>(clips, batch.clips);
  return clips;
}

// Clips of a speaker, or cut from one recording (Sample::clip), have one number.
void find_groups(const Dataset& dataset, Evaluation& evaluation) {
  std::map<std::string, int> speakers;
  std::map<int, int> recordings;
  for (const Sample& sample : dataset.samples()) {
    const std::string& speaker = dataset.record(sample.clip).speaker;
    evaluation.speakers.push_back(speaker);
    speakers.emplace(speaker, static_cast<int>(speakers.size()));
    recordings.emplace(sample.clip, static_cast<int>(recordings.size()));
  }
  const bool by_speaker = speakers.size() >= kFewestSpeakers && !speakers.count("");
  evaluation.grouped_by = by_speaker ? "speaker" : "recording";
  for (const Sample& sample : dataset.samples())
    evaluation.groups.push_back(by_speaker ? speakers.at(dataset.record(sample.clip).speaker)
                                           : recordings.at(sample.clip));
}

}  // namespace

Evaluator::Evaluator(const TestedModels& models, const EvaluationSettings& settings, const std::string& tested,
                     const EvaluationTick& tick)
    : models_(models), settings_(settings), tick_(tick) {
  open_data();
  check_missing();
  open_noises(tested);
}

void Evaluator::open_data() {
  const DatasetInfo info = read_dataset_info(settings_.data);
  check_models(models_, info.json.value("crop", nlohmann::json()), settings_.data);
  Dataset::Settings wanted;
  wanted.streams = streams_of(models_);
  wanted.labels = models_.front()->labels();
  wanted.window_frames = models_.front()->rule().window_frames;
  wanted.cache = cache_ = make_cache_budget(settings_.cache_gb);
  dataset_ = Dataset::open(settings_.data, settings_.split, wanted);
  hears_ = wanted.streams != models::Streams::video;
  labels_ = static_cast<int>(wanted.labels.size());
  names_ = names_of(models_, settings_.names);
  evaluation_.notes = dataset_->notes();
  evaluation_.labels = wanted.labels;
  for (const Sample& sample : dataset_->samples()) {
    evaluation_.keys.push_back(sample.key);
    evaluation_.words.push_back(sample.label);
  }
  find_groups(*dataset_, evaluation_);
  evaluation_.conditions = conditions_of(settings_);
  evaluation_.models = describe_models(models_, names_);
  evaluation_.data = {{"folder", settings_.data},         {"split", settings_.split},       {"hash", info.hash},
                      {"clips", evaluation_.keys.size()}, {"labels", wanted.labels.size()}, {"seed", settings_.seed}};
  for (const auto& [over, name] : preprocessing::kSnrOverNames)
    if (over == settings_.snr_over) evaluation_.data["snr_over"] = name;
}

void Evaluator::check_missing() {
  for (const Condition& condition : evaluation_.conditions)
    for (size_t m = 0; condition.missing && m < models_.size(); ++m) {
      const std::optional<size_t> other = answerer(models_, m, condition);
      if (other && *other != m)
        note_once(fmt::format("without {}, {} answers in place of {}, which was not trained with modality dropout",
                              stream_word(*condition.missing), names_[*other], names_[m]));
    }
}

void Evaluator::open_noises(const std::string& tested) {
  const bool noisy = hears_ && std::any_of(evaluation_.conditions.begin(), evaluation_.conditions.end(),
                                           [](const Condition& c) { return c.noise >= 0; });
  const TestNoiseFrom from{settings_.data,   *dataset_, settings_.split, tested, training_talkers_of(models_),
                           settings_.voices, cache_};
  for (const std::string& kind : settings_.noises) {
    nlohmann::json described{{"kind", kind}};
    if (noisy) {
      noises_.push_back(open_test_noise(kind, from));
      described = noises_.back().source.description();
      for (const std::string& note : noises_.back().notes) note_once(note);
    }
    described["name"] =
        described.contains("file") || described.contains("folder") ? std::filesystem::path(kind).stem().string() : kind;
    evaluation_.noises.push_back(std::move(described));
  }
  if (hears_ && !settings_.room.empty()) {
    room_ = io::read_sound(settings_.room);
    evaluation_.data["room"] = settings_.room;
    note_once(fmt::format("all speech is heard in the room of {}; noise is not", settings_.room));
  }
}

void Evaluator::note_once(const std::string& note) {
  if (std::find(evaluation_.notes.begin(), evaluation_.notes.end(), note) == evaluation_.notes.end())
    evaluation_.notes.push_back(note);
}

std::vector<std::string> Evaluator::condition_names() const {
  std::vector<std::string> names;
  for (const Condition& condition : evaluation_.conditions) names.push_back(evaluation_.name_of(condition));
  return names;
}

Evaluation Evaluator::test(const std::optional<FusedModels>& fused, const std::vector<FusionWay>& ways) {
  for (size_t m = 0; m < models_.size(); ++m) add_rows(names_[m], models_[m]->streams());
  for (const FusionWay& way : ways)
    add_rows(fmt::format("{} + {}, {}", names_[fused->audio], names_[fused->video], way.title()), Streams::audiovisual);
  const auto own = [&](size_t m, size_t c) {
    const std::optional<Source> from = source(m, c);
    return from && from->model == m && from->condition == c;
  };
  run(fmt::format("evaluate {}", settings_.split), own, [&](size_t condition, const std::vector<int>& words) {
    for (size_t m = 0; m < models_.size(); ++m)
      if (own(m, condition)) answer(current_[m].at(condition), words, row(m, condition));
    for (size_t w = 0; w < ways.size(); ++w)
      answer(join(ways[w], *fused, condition), words, row(models_.size() + w, condition));
  });
  share_rows();
  add_worst();
  return std::move(evaluation_);
}

Chosen Evaluator::choose(const std::optional<FusedModels>& fused) {
  Chosen chosen{FusionChoice(evaluation_.conditions.size()), {}};
  std::vector<std::vector<float>> first(models_.size());
  const auto wants = [&](size_t m, size_t c) {
    return c == 0 || (fused && (m == fused->audio || m == fused->video) && twin(m, c) == c);
  };
  run(fmt::format("choose on {}", settings_.split), wants, [&](size_t condition, const std::vector<int>& words) {
    for (size_t m = 0; condition == 0 && m < models_.size(); ++m)
      first[m].insert(first[m].end(), current_[m].at(0).begin(), current_[m].at(0).end());
    if (fused)
      chosen.fusion.add(condition, scores({fused->audio, twin(fused->audio, condition)}),
                        scores({fused->video, twin(fused->video, condition)}), words);
  });
  for (const std::vector<float>& probabilities : first) {
    const std::vector<float> logits = eval::log_probabilities({probabilities, labels_});
    chosen.temperatures.push_back(eval::best_temperature({logits, labels_}, evaluation_.words));
  }
  return chosen;
}

void Evaluator::add_rows(const std::string& name, Streams streams) {
  for (const Condition& condition : evaluation_.conditions)
    evaluation_.rows.push_back({name, streams, condition, {}, {}, {}, {}});
}

// The first condition that is this one to the model: a lip-reader hears no noise, and an ear sees no damage.
size_t Evaluator::twin(size_t model, size_t condition) const {
  const Streams streams = models_[model]->streams();
  const Condition& wanted = evaluation_.conditions[condition];
  for (size_t c = 0; c < condition; ++c) {
    const Condition& other = evaluation_.conditions[c];
    if ((streams == Streams::video || wanted.same_sound(other)) &&
        (streams == Streams::audio || wanted.same_picture(other)))
      return c;
  }
  return condition;
}

std::optional<Evaluator::Source> Evaluator::source(size_t model, size_t condition) const {
  const std::optional<size_t> who = answerer(models_, model, evaluation_.conditions[condition]);
  if (!who) return std::nullopt;
  return Source{*who, twin(*who, condition)};
}

eval::Scores Evaluator::scores(const Source& source) const {
  return {current_[source.model].at(source.condition), labels_};
}

// Of one stream alone where the other one is missing.
std::vector<float> Evaluator::join(const FusionWay& way, const FusedModels& fused, size_t condition) const {
  const std::optional<Source> audio = source(fused.audio, condition), video = source(fused.video, condition);
  if (audio && video) return way.join(scores(*audio), scores(*video));
  const eval::Scores alone = scores(audio ? *audio : *video);
  return {alone.values.begin(), alone.values.end()};
}

TestBatches Evaluator::batches(const Wants& wants) const {
  TestSettings test;
  test.conditions = evaluation_.conditions;
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

// Each piece of the split under one condition after the other.
void Evaluator::run(const std::string& what, const Wants& wants, const Observe& observe) {
  TestBatches batches = this->batches(wants);
  const auto all = static_cast<int64_t>(evaluation_.keys.size() * evaluation_.conditions.size());
  int64_t done = 0;
  std::vector<int> words;
  const int workers = settings_.workers > 0 ? settings_.workers : std::max(1, allowed_cores() / 2);
  io::parallel_ordered(
      batches.count(), workers, static_cast<size_t>(2 * workers),
      [&](size_t i) {
        free_this_thread();
        batches.make(i);
      },
      [&](size_t i) {
        const TestBatches::Made made = batches.take(i);
        if (made.condition == 0) {
          current_.assign(models_.size(), {});
          const auto first = evaluation_.words.begin() + static_cast<std::ptrdiff_t>(made.first_clip);
          words.assign(first, first + clip_count(made));
        }
        for (size_t m = 0; m < models_.size(); ++m)
          if (made.batches[m].clips > 0) current_[m][made.condition] = models_[m]->probabilities(made.batches[m]);
        observe(made.condition, words);
        done += static_cast<int64_t>(words.size());
        if (tick_) tick_(what, done, all);
      });
}

void Evaluator::answer(const std::vector<float>& probabilities, const std::vector<int>& words,
                       EvaluationRow& row) const {
  for (size_t b = 0; b < words.size(); ++b) {
    const float* of_clip = probabilities.data() + b * static_cast<size_t>(labels_);
    const int best = eval::best_label({of_clip, static_cast<size_t>(labels_)}), said = words[b];
    row.answers.push_back(best);
    row.confidences.push_back(of_clip[best]);
    int before = 0;
    for (int v = 0; v < labels_; ++v) before += of_clip[v] > of_clip[said] || (of_clip[v] == of_clip[said] && v < said);
    row.ranks.push_back(before);
  }
  if (row.condition == evaluation_.conditions.front())
    row.probabilities.insert(row.probabilities.end(), probabilities.begin(), probabilities.end());
}

// Rows that are another row's to the model get its answers; those that nobody can answer go.
void Evaluator::share_rows() {
  for (size_t m = 0; m < models_.size(); ++m)
    for (size_t c = 0; c < evaluation_.conditions.size(); ++c) {
      const std::optional<Source> from = source(m, c);
      EvaluationRow& own = row(m, c);
      if (!from || !own.answers.empty()) continue;
      const EvaluationRow& same = row(from->model, from->condition);
      own.answers = same.answers;
      own.confidences = same.confidences;
      own.ranks = same.ranks;
    }
  std::erase_if(evaluation_.rows, [](const EvaluationRow& row) { return row.answers.empty(); });
}

// The clips that the first audiovisual model, else the first model, was most sure about and wrong, under the condition
// that is hardest for it with an intact picture.
void Evaluator::add_worst() {
  size_t m = 0;
  while (m < models_.size() && models_[m]->streams() != Streams::audiovisual) ++m;
  if (m == models_.size()) m = 0;
  const EvaluationRow* hardest = nullptr;
  for (const EvaluationRow& row : evaluation_.rows)
    if (row.model == names_[m] && !row.condition.damage && !row.condition.missing &&
        (!hardest || row.correct(evaluation_.words) < hardest->correct(evaluation_.words)))
      hardest = &row;
  std::vector<size_t> wrong;
  for (size_t i = 0; i < evaluation_.words.size(); ++i)
    if (hardest->answers[i] != evaluation_.words[i]) wrong.push_back(i);
  std::stable_sort(wrong.begin(), wrong.end(),
                   [&](size_t a, size_t b) { return hardest->confidences[a] > hardest->confidences[b]; });
  wrong.resize(std::min(wrong.size(), kShownWorst));
  const TestBatches clips = batches({});
  for (const size_t i : wrong) {
    Stretch stretch = clips.clip_under(hardest->condition, i);
    if (models_[m]->streams() == Streams::audio) stretch.mouth = {};
    if (models_[m]->streams() == Streams::video) stretch.audio = {};
    evaluation_.worst.push_back({names_[m], evaluation_.keys[i], hardest->condition, evaluation_.words[i],
                                 hardest->answers[i], hardest->confidences[i], std::move(stretch.mouth),
                                 std::move(stretch.audio)});
  }
}

}  // namespace avsr::pipeline
