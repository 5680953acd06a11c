#include "pipeline/evaluate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>
#include <stdexcept>

#include "pipeline/loader.h"
#include "pipeline/scorer.h"
#include "preprocessing/random.h"

namespace avsr::pipeline {
namespace {

models::Streams streams_of(const std::vector<std::unique_ptr<Recognizer>>& models) {
  std::set<models::Streams> kinds;
  for (const auto& model : models) kinds.insert(model->streams());
  return together(kinds);
}

// Names for the table: the file's, without ending; the folder too where two are alike.
std::vector<std::string> names_of(const std::vector<std::unique_ptr<Recognizer>>& models) {
  std::vector<std::string> names;
  for (const auto& model : models) {
    const std::filesystem::path path(model->path());
    const auto same = std::count_if(models.begin(), models.end(), [&](const auto& other) {
      return std::filesystem::path(other->path()).stem() == path.stem();
    });
    names.push_back(same > 1 ? (path.parent_path().filename() / path.stem()).string() : path.stem().string());
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

uint64_t seed_of(const EvaluationSettings& settings, const std::optional<double>& level) {
  // Hundredths of a decibel, so that 5 and 5.0 are one level.
  const auto hundredths = static_cast<uint64_t>(level ? std::llround(*level * 100) : 1 << 20);
  return preprocessing::derive_key(settings.seed, hundredths);
}

// The answers.
std::vector<int> run_level(Recognizer& model, const Dataset& dataset, const NoiseSource* noise,
                           const EvaluationSettings& settings, const std::optional<double>& level,
                           const std::function<void(int64_t)>& tick) {
  LoaderSettings loader_settings;
  loader_settings.batch = settings.batch;
  loader_settings.seed = seed_of(settings, level);
  loader_settings.noise = noise;
  loader_settings.levels_db = {level};
  loader_settings.freeze_frames = settings.freeze_frames;
  loader_settings.workers = settings.workers;
  Loader loader(dataset, model.writer(), loader_settings);
  const auto labels = static_cast<int>(model.labels().size());
  std::vector<int> answers;
  HostBatch batch;
  while (loader.next(batch)) {
    const std::vector<float> probabilities = model.probabilities(batch);
    for (int b = 0; b < batch.clips; ++b)
      answers.push_back(largest(probabilities.data() + static_cast<int64_t>(b) * labels, labels));
    tick(static_cast<int64_t>(answers.size()));
  }
  return answers;
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

TestNoise open_test_noise(const EvaluationSettings& settings, const Dataset& split,
                          const std::vector<std::string>& training_talkers, const std::shared_ptr<CacheBudget>& cache) {
  TestNoise noise;
  if (settings.noise == "white") {
    noise.source = NoiseSource::white();
    return noise;
  }
  if (settings.noise != "babble") {
    noise.source = NoiseSource::file(settings.noise);
    return noise;
  }
  preprocessing::BabbleSettings babble;
  babble.voices = settings.voices;
  const io::ShardDataset other = open_prepared(settings.data, "other");
  if (other.size() > 0) {
    Dataset::Settings wanted;
    wanted.streams = models::Streams::audio;
    wanted.cache = cache;
    noise.dataset = Dataset::open(settings.data, "other", wanted);
    noise.source = NoiseSource::babble({noise.dataset.get(), clips_of(*noise.dataset)}, babble);
    return noise;
  }
  std::vector<int> strangers;
  for (int clip : clips_of(split)) {
    const std::string& talker = split.record(clip).speaker;
    if (!talker.empty() && !std::binary_search(training_talkers.begin(), training_talkers.end(), talker))
      strangers.push_back(clip);
  }
  if (strangers.size() < static_cast<size_t>(settings.voices)) {
    noise.notes.push_back(
        fmt::format("the babble's talkers may have been heard in training: split '{}' has no others", settings.split));
    strangers = clips_of(split);
  }
  noise.source = NoiseSource::babble({&split, strangers}, babble);
  return noise;
}

Evaluation evaluate(const std::vector<std::unique_ptr<Recognizer>>& models, const EvaluationSettings& settings,
                    const EvaluationReporter& reporter) {
  const DatasetInfo info = read_dataset_info(settings.data);
  check_models(models, info, settings);
  Dataset::Settings wanted;
  wanted.streams = streams_of(models);
  wanted.labels = models.front()->labels();
  wanted.window_frames = models.front()->rule().window_frames;
  wanted.cache = make_cache_budget(settings.cache_gb);
  const auto dataset = Dataset::open(settings.data, settings.split, wanted);

  Evaluation evaluation;
  evaluation.notes = dataset->notes();
  evaluation.labels = wanted.labels;
  for (const Sample& sample : dataset->samples()) {
    evaluation.keys.push_back(sample.key);
    evaluation.words.push_back(sample.label);
  }
  const bool noisy =
      wanted.streams != models::Streams::video &&
      std::any_of(settings.levels_db.begin(), settings.levels_db.end(), [](const auto& l) { return l.has_value(); });
  TestNoise noise;
  if (noisy) {
    noise = open_test_noise(settings, *dataset, training_talkers_of(models), wanted.cache);
    evaluation.notes.insert(evaluation.notes.end(), noise.notes.begin(), noise.notes.end());
  }
  if (settings.freeze_frames)
    evaluation.notes.emplace_back("every frame was replaced by the clip's first (--freeze-frames)");
  evaluation.noise = noisy ? noise.source.description() : nlohmann::json{{"kind", settings.noise}};
  evaluation.data = {{"folder", settings.data},         {"split", settings.split},        {"hash", info.hash},
                     {"clips", evaluation.keys.size()}, {"labels", wanted.labels.size()}, {"seed", settings.seed}};
  const std::vector<std::string> names = names_of(models);
  evaluation.models = describe(models, names);

  const auto clips = static_cast<int64_t>(evaluation.keys.size());
  const int64_t all = clips * static_cast<int64_t>(models.size() * settings.levels_db.size());
  const auto tick = [&](int64_t done) {
    if (reporter.tick) reporter.tick(static_cast<int64_t>(evaluation.rows.size()) * clips + done, all);
  };
  for (size_t m = 0; m < models.size(); ++m) {
    std::optional<std::vector<int>> unhearing;  // a video model never hears the noise: one pass serves all levels
    for (const auto& level : settings.levels_db) {
      const auto start = std::chrono::steady_clock::now();
      const bool repeated = unhearing.has_value();
      EvaluationRow row{names[m], models[m]->streams(), level, {}};
      if (repeated) {
        row.answers = *unhearing;
      } else {
        row.answers = run_level(*models[m], *dataset, noisy ? &noise.source : nullptr, settings, level, tick);
      }
      if (row.streams == models::Streams::video) unhearing = row.answers;
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      if (reporter.say && !repeated)
        reporter.say(fmt::format("{} {}: {:.1f} % of {} clips, {:.0f} clips/s", names[m],
                                 level ? fmt::format("{:g} dB", *level) : "clean", 100 * row.accuracy(evaluation.words),
                                 clips, static_cast<double>(clips) / std::max(1e-9, seconds)));
      evaluation.rows.push_back(std::move(row));
    }
  }
  return evaluation;
}

}  // namespace avsr::pipeline
