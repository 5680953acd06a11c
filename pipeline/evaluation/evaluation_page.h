// The page on an evaluation for a browser or a printer: one file that asks for nothing else, from
// templates/evaluation.html.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "pipeline/evaluation/evaluation.h"

namespace avsr::pipeline {

// Plots are drawn by gnuplot; where it is missing the page has none, and says so.
// results: results_json of the evaluation.
std::string evaluation_page(const Evaluation& evaluation, const nlohmann::json& results);

}  // namespace avsr::pipeline
