// The page on an evaluation of sentence models, for a browser or a printer: one file that asks for nothing else, from
// templates/sentences.html.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "eval/plot.h"
#include "pipeline/evaluation/sentence_evaluation.h"

namespace avsr::pipeline {

// Plots are drawn by gnuplot; where it is missing the page has none, and says so. results: results_json of the
// evaluation.
std::string sentence_page(const SentenceEvaluation& evaluation, const nlohmann::json& results);

// Word error rates of the models, read in one way, at the levels of a panel; titles are the models' names.
std::vector<eval::Curve> error_curves(const SentenceEvaluation& evaluation, const TestedSplit::Panel& panel,
                                      const std::string& decoding);

}  // namespace avsr::pipeline
