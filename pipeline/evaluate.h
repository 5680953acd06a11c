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
#include "pipeline/test_batches.h"
#include "pipeline/video_damage.h"

namespace avsr::pipeline {

struct EvaluationSettings {
  std::string data, split = "test";
  // Each noise at each level, and clean once: kinds as NoiseSource knows them, sound files, or folders of them.
  std::vector<std::string> noises{"babble"};
  std::vector<std::optional<double>> levels_db{std::nullopt};  // no value: clean
  preprocessing::SnrOver snr_over = preprocessing::SnrOver::clip;
  std::string room;                  // sound file of an impulse response; empty: none
  std::vector<VideoDamage> damages;  // each instead of the intact picture, beside it
  int voices = 8;                    // of babble
  uint64_t seed = 1;
  int batch = 16, workers = 0;
  double cache_gb = 0;  // memory for decoded clips, in GB; 0: half of what there is
};

// One model under one condition. Lists per clip, in the split's order.
struct EvaluationRow {
  std::string model;  // its name in the tables
  models::Streams streams = models::Streams::audiovisual;
  Condition condition;
  std::vector<int> answers;        // index of the label
  std::vector<float> confidences;  // probability of the answer
  std::vector<int> ranks;          // of the word that was said among all labels by probability, from 0
  int64_t clips() const { return static_cast<int64_t>(answers.size()); }
  // words: the evaluation's.
  std::vector<uint8_t> hits(const std::vector<int>& words) const;  // per clip: whether its answer is right
  int64_t correct(const std::vector<int>& words) const;
  double accuracy(const std::vector<int>& words) const;
  eval::Interval interval(const std::vector<int>& words) const;
};

struct Evaluation {
  std::vector<EvaluationRow> rows;    // model by model, conditions in their order
  std::vector<Condition> conditions;  // the intact picture first; clean, then noise by noise
  std::vector<std::string> keys;      // of the clips
  std::vector<int> words;             // of the clips: index of the label
  std::vector<std::string> labels;    // that the models know
  std::vector<std::string> notes;     // what a reader of the table must know
  // Descriptions for the report; noises: by Condition::noise.
  nlohmann::json noises = nlohmann::json::array(), data, models;

  std::string name_of(const Condition& condition) const;  // "clean", "babble -5 dB", "clean, blur:2"
};

// All that the settings ask for: clean where the levels have it, then each noise at the other levels; first with the
// intact picture, then with each damage.
std::vector<Condition> conditions_of(const EvaluationSettings& settings);

// One noise for a split's clips. Babble and the spectrum of speech come from split "other" where the data has one, else
// from clips of talkers of the split who are not `training_talkers`, else from the split's own clips (with a note).
struct TestNoise {
  std::unique_ptr<Dataset> dataset;  // that the speech comes from, where it is not the split itself
  NoiseSource source;
  std::vector<std::string> notes;
};
TestNoise open_test_noise(const std::string& kind, const EvaluationSettings& settings, const Dataset& split,
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

// The accuracies in percent, a line per model and a column per level, a table per noise and damage; `markdown` adds
// rulers and intervals.
std::string accuracy_table(const Evaluation& evaluation, bool markdown);
// {rows: [{model, streams, noise, snr_db, damage, accuracy, correct, clips, ci95_low, ci95_high}], gains, noises, data,
// models, notes}, and for each model under the first condition (clean, where it was asked for) all words and all wrong
// answers: by_word: [{model, noise, snr_db, words: [{word, clips, correct, accuracy}], confusions: [{said, heard,
// clips}]}]
nlohmann::json results_json(const Evaluation& evaluation);
// results.json, results.md and, of two levels or more, noise-curve.svg in a folder, and one more picture for each
// further noise and damage. Returns lines for the user (such as: no picture, and why).
std::vector<std::string> write_results(const Evaluation& evaluation, const std::filesystem::path& folder);

}  // namespace avsr::pipeline
