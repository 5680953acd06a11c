// Word and character error rates of models of sentences on one split, clean and in noise. All models hear the same
// noisy clips.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "pipeline/evaluation/evaluate.h"
#include "pipeline/evaluation/sentence_evaluation.h"

namespace avsr::pipeline {

// Each decoding of settings.sentences, with settings chosen on settings.choose_on where that has sentences. Throws as
// evaluate(), and std::runtime_error naming a file that does not fit the models' symbols.
SentenceEvaluation evaluate_sentences(const std::vector<std::unique_ptr<Recognizer>>& models,
                                      const EvaluationSettings& settings, const EvaluationTick& tick = {});

// Word error rates in percent, a line per model and decoding and a column per level, a table per noise and damage;
// `markdown` adds rulers and intervals.
std::string error_rate_table(const SentenceEvaluation& evaluation, bool markdown);
// results.json, results.csv, results.md, report.html and, of two levels or more, noise-curve.svg in a folder, and one
// more picture for each further noise and damage. Returns lines for the user.
std::vector<std::string> write_results(const SentenceEvaluation& evaluation, const std::filesystem::path& folder);

}  // namespace avsr::pipeline
