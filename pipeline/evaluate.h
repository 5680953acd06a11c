// Accuracy of models on one split, clean and in noise. All models hear the same noisy clips.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "eval/metrics.h"
#include "models/backend/backend.h"
#include "pipeline/noise_source.h"
#include "pipeline/recognizer.h"

namespace avsr::pipeline {

struct EvaluationSettings {
  std::string data, split = "test";
  std::vector<std::optional<double>> levels_db{std::nullopt};  // no value: clean
  std::string noise = "babble";                                // babble, white or a sound file
  int voices = 8;                                              // of babble
  uint64_t seed = 1;
  bool freeze_frames = false;  // every frame is replaced by the clip's first: what remains is no lip-reading
  int batch = 16, workers = 0;
  double cache_gb = 0;  // memory for decoded clips, in GB; 0: half of what there is
};

// One model at one level.
struct EvaluationRow {
  std::string model;  // its name in the tables
  models::Streams streams = models::Streams::audiovisual;
  std::optional<double> snr_db;
  std::vector<int> answers;  // per clip, in the split's order: index of the label
  int64_t clips() const { return static_cast<int64_t>(answers.size()); }
  // words: the evaluation's.
  std::vector<uint8_t> hits(const std::vector<int>& words) const;  // per clip: whether its answer is right
  int64_t correct(const std::vector<int>& words) const;
  double accuracy(const std::vector<int>& words) const;
  eval::Interval interval(const std::vector<int>& words) const;
};

struct Evaluation {
  std::vector<EvaluationRow> rows;     // model by model, levels in the order given
  std::vector<std::string> keys;       // of the clips
  std::vector<int> words;              // of the clips: index of the label
  std::vector<std::string> labels;     // that the models know
  std::vector<std::string> notes;      // what a reader of the table must know
  nlohmann::json noise, data, models;  // descriptions for the report
};

// The babble for a split's clips: split "other" where the data has one, else clips of talkers of the split who are not
// `training_talkers`, else the split's own clips (with a note).
struct TestNoise {
  std::unique_ptr<Dataset> dataset;  // that the babble comes from, where it is not the split itself
  NoiseSource source;
  std::vector<std::string> notes;
};
TestNoise open_test_noise(const EvaluationSettings& settings, const Dataset& split,
                          const std::vector<std::string>& training_talkers,
                          const std::shared_ptr<CacheBudget>& cache = nullptr);

// What an evaluation reports while it runs. Both may be empty.
struct EvaluationReporter {
  std::function<void(const std::string& line)> say;       // for each model and level
  std::function<void(int64_t done, int64_t total)> tick;  // clips of all models and levels
};
// Throws std::runtime_error when a model does not fit the data.
Evaluation evaluate(const std::vector<std::unique_ptr<Recognizer>>& models, const EvaluationSettings& settings,
                    const EvaluationReporter& reporter = {});

// The accuracies in percent, a line per model and a column per level; `markdown` adds rulers and intervals.
std::string accuracy_table(const Evaluation& evaluation, bool markdown);
// {rows: [{model, streams, noise, snr_db, accuracy, correct, clips, ci95_low, ci95_high}], gains, noise, data, models,
// notes}, and for each model where it is clean, else at the first level, all words and all wrong answers:
// by_word: [{model, snr_db, words: [{word, clips, correct, accuracy}], confusions: [{said, heard, clips}]}]
nlohmann::json results_json(const Evaluation& evaluation);
// results.json, results.md and, of two levels or more, noise-curve.svg in a folder. Returns lines for the user (such
// as: no picture, and why).
std::vector<std::string> write_results(const Evaluation& evaluation, const std::filesystem::path& folder);

}  // namespace avsr::pipeline
