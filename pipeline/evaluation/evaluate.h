// Accuracy of models on one split, clean and in noise. All models hear the same noisy clips.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "models/backend/backend.h"
#include "pipeline/data/video_damage.h"
#include "pipeline/evaluation/evaluation.h"
#include "pipeline/evaluation/sentence_decodings.h"
#include "pipeline/evaluation/test_batches.h"
#include "pipeline/recognition/recognizer.h"

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
  double cache_gb = 0;                   // memory for decoded clips, in GB; 0: half of what there is
  std::vector<models::Streams> missing;  // audio, video: clips are tested without it, too
  // Split on which is chosen how the decisions of the first audio and the first video model are joined, and each
  // model's temperature of calibration; of models of sentences, the settings of searches. Empty: none is looked at.
  std::string choose_on = "val";
  std::vector<std::string> names;  // of the models in the tables; none or "": after their files
  SentenceSettings sentences;      // of models that write sentences
};

// All that the settings ask for: clean where the levels have it, then each noise at the other levels; first with the
// intact picture, then with each damage, then without what is to be missing.
std::vector<Condition> conditions_of(const EvaluationSettings& settings);

// How far an evaluation is, in clips times conditions. what: "evaluate test", or "choose on val" before it. May be
// empty.
using EvaluationTick = std::function<void(const std::string& what, int64_t done, int64_t total)>;
// Throws std::runtime_error when a model does not fit the data.
Evaluation evaluate(const std::vector<std::unique_ptr<Recognizer>>& models, const EvaluationSettings& settings,
                    const EvaluationTick& tick = {});

// The accuracies in percent, a line per model and a column per level, a table per noise and damage; `markdown` adds
// rulers and intervals.
std::string accuracy_table(const Evaluation& evaluation, bool markdown);
// results.json, results.csv, results.md, report.html and, of two levels or more, noise-curve.svg in a folder, and one
// more picture for each further noise and damage. Returns lines for the user (such as: no picture, and why).
std::vector<std::string> write_results(const Evaluation& evaluation, const std::filesystem::path& folder);

}  // namespace avsr::pipeline
