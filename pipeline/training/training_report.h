// Pages on a training for a browser or a printer: one for each stage when it ends, one for the whole run. Each is one
// file: curves lie inside as SVG.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "pipeline/training/recipe.h"

namespace avsr::pipeline {

// OUT/<stage>/report.html and OUT/report.html, from the logs in OUT and from run: what OUT/run.json holds. Where
// gnuplot is missing the pages have no curves, and say so.
void write_training_reports(const std::filesystem::path& out, const Recipe& recipe, const Stage& stage,
                            const nlohmann::json& run, const std::string& device);

}  // namespace avsr::pipeline
