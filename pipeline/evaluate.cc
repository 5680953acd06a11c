#include "pipeline/evaluate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "io/parallel.h"
#include "io/sound_file.h"
#include "pipeline/pinning.h"
#include "pipeline/scorer.h"

namespace avsr::pipeline {
namespace {

models::Streams streams_of(const std::vector<std::unique_ptr<Recognizer>>& models) {
  std::set<models::Streams> kinds;
  for (const auto& model : models) kinds.insert(model->streams());
  return together(kinds);
}

// The last `folders` folders of a path and its file without ending.
std::string short_path(const std::filesystem::path& path, int folders) {
  std::filesystem::path name = path.stem(), rest = path.parent_path();
  for (; folders > 0 && rest.has_filename(); --folders, rest = rest.parent_path()) name = rest.filename() / name;
  return name.string();
}

// Names for the tables: the file's, without ending; with as many folders as tell all apart, and a number where the same
// model is given twice.
std::vector<std::string> names_of(const std::vector<std::unique_ptr<Recognizer>>& models) {
  std::vector<std::string> names(models.size());
  const auto alike = [&](size_t m) { return std::count(names.begin(), names.end(), names[m]) > 1; };
  constexpr int kMostFolders = 5;
  for (int folders = 0; folders <= kMostFolders; ++folders) {
    for (size_t m = 0; m < models.size(); ++m) names[m] = short_path(models[m]->path(), folders);
    bool any = false;
    for (size_t m = 0; m < models.size(); ++m) any |= alike(m);
    if (!any) return names;
  }
  for (size_t m = 0; m < models.size(); ++m) names[m] = short_path(models[m]->path(), 0);
  for (size_t m = models.size(); m-- > 0;)
    for (int number = 2; alike(m); ++number) {
      const std::string name = fmt::format("{}-{}", short_path(models[m]->path(), 0), number);
      if (std::find(names.begin(), names.end(), name) == names.end()) names[m] = name;
    }
  return names;
}

std::vector<std::string> training_talkers_of(const std::vector<std::unique_ptr<Recognizer>>& models) {
  std::set<std::string> talkers;
  for (const auto& model : models)
    if (model->provenance().contains("talkers"))
      for (const auto& talker : model->provenance()["talkers"]) talkers.insert(talker.get<std::string>());
  return {talkers.begin(), talkers.end()};
}

void check_models(const std::vector<std::unique_ptr<Recognizer>>& models, const DatasetInfo& info,
                  const EvaluationSettings& settings) {
  if (models.empty()) throw std::invalid_argument("[evaluate] no model given");
  for (const auto& model : models) {
    model->check_crop(info.json.value("crop", nlohmann::json()), settings.data);
    if (model->labels() != models.front()->labels())
      throw std::runtime_error(fmt::format("[evaluate] {} and {} know different words: evaluate them one by one",
                                           models.front()->path(), model->path()));
    if (model->rule().window_frames != models.front()->rule().window_frames)
      throw std::runtime_error(fmt::format(
          "[evaluate] {} and {} were trained on windows of {} and {} frames: evaluate them one by one",
          models.front()->path(), model->path(), models.front()->rule().window_frames, model->rule().window_frames));
  }
}

nlohmann::json describe(const std::vector<std::unique_ptr<Recognizer>>& models, const std::vector<std::string>& names) {
  nlohmann::json described = nlohmann::json::array();
  for (size_t m = 0; m < models.size(); ++m) {
    nlohmann::json one{{"name", names[m]}, {"file", models[m]->path()}, {"streams", name_of(models[m]->streams())}};
    one["provenance"] = models[m]->provenance();
    described.push_back(std::move(one));
  }
  return described;
}

}  // namespace

std::vector<uint8_t> EvaluationRow::hits(const std::vector<int>& words) const {
  std::vector<uint8_t> hits(answers.size());
  for (size_t i = 0; i < answers.size(); ++i) hits[i] = answers[i] == words.at(i) ? 1 : 0;
  return hits;
}

int64_t EvaluationRow::correct(const std::vector<int>& words) const {
  const std::vector<uint8_t> right = hits(words);
  return std::count(right.begin(), right.end(), uint8_t{1});
}

double EvaluationRow::accuracy(const std::vector<int>& words) const {
  return answers.empty() ? 0 : static_cast<double>(correct(words)) / static_cast<double>(clips());
}

eval::Interval EvaluationRow::interval(const std::vector<int>& words) const {
  return eval::wilson_interval(correct(words), clips());
}

std::string Evaluation::name_of(const Condition& condition) const {
  std::string name = "clean";
  if (condition.noise >= 0)
    name = fmt::format("{} {:g} dB", noises.at(static_cast<size_t>(condition.noise)).at("name").get<std::string>(),
                       condition.snr_db.value());
  return condition.damage ? fmt::format("{}, {}", name, condition.damage->text()) : name;
}

std::vector<Condition> conditions_of(const EvaluationSettings& settings) {
  std::vector<Condition> sounds;
  if (std::any_of(settings.levels_db.begin(), settings.levels_db.end(), [](const auto& level) { return !level; }))
    sounds.emplace_back();
  for (size_t n = 0; n < settings.noises.size(); ++n)
    for (const auto& level : settings.levels_db)
      if (level) sounds.push_back({static_cast<int>(n), level, std::nullopt});
  std::vector<Condition> conditions = sounds;
  for (const VideoDamage& damage : settings.damages)
    for (Condition sound : sounds) {
      sound.damage = damage;
      conditions.push_back(sound);
    }
  return conditions;
}

namespace {

// Clips to take speech from, where they lie, and what must be said of them.
TestNoise speech_for_noise(const EvaluationSettings& settings, const Dataset& split,
                           const std::vector<std::string>& training_talkers, const std::shared_ptr<CacheBudget>& cache,
                           NoiseSource::Utterances& utterances) {
  TestNoise noise;
  if (open_prepared(settings.data, "other").size() > 0) {
    Dataset::Settings wanted;
    wanted.streams = models::Streams::audio;
    wanted.cache = cache;
    noise.dataset = Dataset::open(settings.data, "other", wanted);
    utterances = {noise.dataset.get(), clips_of(*noise.dataset)};
    return noise;
  }
  utterances.dataset = &split;
  for (int clip : clips_of(split)) {
    const std::string& talker = split.record(clip).speaker;
    if (!talker.empty() && !std::binary_search(training_talkers.begin(), training_talkers.end(), talker))
      utterances.clips.push_back(clip);
  }
  if (utterances.clips.size() < static_cast<size_t>(settings.voices)) {
    noise.notes.push_back(
        fmt::format("the noise's talkers may have been heard in training: split '{}' has no others", settings.split));
    utterances.clips = clips_of(split);
  }
  return noise;
}

}  // namespace

TestNoise open_test_noise(const std::string& kind, const EvaluationSettings& settings, const Dataset& split,
                          const std::vector<std::string>& training_talkers, const std::shared_ptr<CacheBudget>& cache) {
  TestNoise noise;
  if (kind == "babble" || kind == "speech") {
    NoiseSource::Utterances utterances;
    noise = speech_for_noise(settings, split, training_talkers, cache, utterances);
    noise.source = kind == "babble" ? NoiseSource::babble(utterances, {.voices = settings.voices})
                                    : NoiseSource::speech_shaped(utterances);
  } else if (kind == "white") {
    noise.source = NoiseSource::white();
  } else if (kind == "pink") {
    noise.source = NoiseSource::pink();
  } else {
    noise.source = std::filesystem::is_directory(kind) ? NoiseSource::folder(kind) : NoiseSource::file(kind);
  }
  return noise;
}

namespace {

// One call of evaluate.
class Evaluator {
 public:
  Evaluator(const std::vector<std::unique_ptr<Recognizer>>& models, const EvaluationSettings& settings,
            const EvaluationReporter& reporter)
      : models_(models), settings_(settings), reporter_(reporter) {}

  Evaluation run() {
    open_data();
    open_noises();
    for (size_t m = 0; m < models_.size(); ++m)
      for (const Condition& condition : evaluation_.conditions)
        evaluation_.rows.push_back({names_[m], models_[m]->streams(), condition, {}, {}, {}});
    test();
    share_rows();
    return std::move(evaluation_);
  }

 private:
  void open_data() {
    const DatasetInfo info = read_dataset_info(settings_.data);
    check_models(models_, info, settings_);
    Dataset::Settings wanted;
    wanted.streams = streams_of(models_);
    wanted.labels = models_.front()->labels();
    wanted.window_frames = models_.front()->rule().window_frames;
    wanted.cache = cache_ = make_cache_budget(settings_.cache_gb);
    dataset_ = Dataset::open(settings_.data, settings_.split, wanted);
    hears_ = wanted.streams != models::Streams::video;
    names_ = names_of(models_);
    evaluation_.notes = dataset_->notes();
    evaluation_.labels = wanted.labels;
    for (const Sample& sample : dataset_->samples()) {
      evaluation_.keys.push_back(sample.key);
      evaluation_.words.push_back(sample.label);
    }
    evaluation_.conditions = conditions_of(settings_);
    evaluation_.models = describe(models_, names_);
    evaluation_.data = {{"folder", settings_.data},         {"split", settings_.split},       {"hash", info.hash},
                        {"clips", evaluation_.keys.size()}, {"labels", wanted.labels.size()}, {"seed", settings_.seed}};
  }

  void open_noises() {
    const bool noisy = hears_ && std::any_of(evaluation_.conditions.begin(), evaluation_.conditions.end(),
                                             [](const Condition& c) { return c.noise >= 0; });
    for (const std::string& kind : settings_.noises) {
      if (noisy) noises_.push_back(open_test_noise(kind, settings_, *dataset_, training_talkers_of(models_), cache_));
      nlohmann::json described = noisy ? noises_.back().source.description() : nlohmann::json{{"kind", kind}};
      const std::filesystem::path path(kind);
      described["name"] = described.contains("file") || described.contains("folder") ? path.stem().string() : kind;
      evaluation_.noises.push_back(std::move(described));
      if (noisy)
        for (const std::string& note : noises_.back().notes)
          if (std::find(evaluation_.notes.begin(), evaluation_.notes.end(), note) == evaluation_.notes.end())
            evaluation_.notes.push_back(note);
    }
    if (hears_ && !settings_.room.empty()) {
      room_ = io::read_sound(settings_.room);
      evaluation_.data["room"] = settings_.room;
      evaluation_.notes.push_back(fmt::format("all speech is heard in the room of {}; noise is not", settings_.room));
    }
  }

  // The first condition that is this one to the model: a lip-reader hears no noise, and an ear sees no damage.
  size_t twin(size_t model, size_t condition) const {
    const models::Streams streams = models_[model]->streams();
    const Condition& wanted = evaluation_.conditions[condition];
    for (size_t c = 0; c < condition; ++c) {
      const Condition& other = evaluation_.conditions[c];
      if ((streams == models::Streams::video || wanted.same_sound(other)) &&
          (streams == models::Streams::audio || wanted.damage == other.damage))
        return c;
    }
    return condition;
  }

  EvaluationRow& row(size_t model, size_t condition) {
    return evaluation_.rows[model * evaluation_.conditions.size() + condition];
  }

  void test() {
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
    TestBatches batches(*dataset_, readers, test, [&](size_t m, size_t c) { return twin(m, c) == c; });

    int64_t all = 0, done = 0;
    for (size_t m = 0; m < models_.size(); ++m)
      for (size_t c = 0; c < test.conditions.size(); ++c)
        if (twin(m, c) == c) all += static_cast<int64_t>(evaluation_.keys.size());
    const int workers = settings_.workers > 0 ? settings_.workers : std::max(1, allowed_cores() / 2);
    io::parallel_ordered(
        batches.count(), workers, static_cast<size_t>(2 * workers),
        [&](size_t i) {
          free_this_thread();
          batches.make(i);
        },
        [&](size_t i) {
          const TestBatches::Made made = batches.take(i);
          for (size_t m = 0; m < models_.size(); ++m) {
            if (made.batches[m].clips == 0) continue;
            answer(*models_[m], made.batches[m], row(m, made.condition));
            done += made.batches[m].clips;
          }
          if (reporter_.tick) reporter_.tick(done, all);
        });
  }

  static void answer(Recognizer& model, const HostBatch& batch, EvaluationRow& row) {
    const std::vector<float> probabilities = model.probabilities(batch);
    const auto labels = static_cast<int>(model.labels().size());
    for (int b = 0; b < batch.clips; ++b) {
      const float* of_clip = probabilities.data() + static_cast<int64_t>(b) * labels;
      const int best = largest(of_clip, labels), said = batch.labels[static_cast<size_t>(b)];
      row.answers.push_back(best);
      row.confidences.push_back(of_clip[best]);
      int before = 0;
      for (int v = 0; v < labels; ++v)
        before += of_clip[v] > of_clip[said] || (of_clip[v] == of_clip[said] && v < said);
      row.ranks.push_back(before);
    }
  }

  void share_rows() {
    for (size_t m = 0; m < models_.size(); ++m)
      for (size_t c = 0; c < evaluation_.conditions.size(); ++c) {
        if (const size_t same = twin(m, c); same != c) {
          const Condition own = row(m, c).condition;
          row(m, c) = row(m, same);
          row(m, c).condition = own;
        } else if (reporter_.say) {
          reporter_.say(fmt::format("{}, {}: {:.1f} % of {} clips", names_[m],
                                    evaluation_.name_of(evaluation_.conditions[c]),
                                    100 * row(m, c).accuracy(evaluation_.words), evaluation_.keys.size()));
        }
      }
  }

  const std::vector<std::unique_ptr<Recognizer>>& models_;
  const EvaluationSettings& settings_;
  const EvaluationReporter& reporter_;
  Evaluation evaluation_;
  std::vector<std::string> names_;
  std::shared_ptr<CacheBudget> cache_;
  std::unique_ptr<Dataset> dataset_;
  std::vector<TestNoise> noises_;
  io::Waveform room_;
  bool hears_ = false;
};

}  // namespace

Evaluation evaluate(const std::vector<std::unique_ptr<Recognizer>>& models, const EvaluationSettings& settings,
                    const EvaluationReporter& reporter) {
  return Evaluator(models, settings, reporter).run();
}

}  // namespace avsr::pipeline
