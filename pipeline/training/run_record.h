// What a run's folder says of the run: OUT/run.json (which stages are finished, on what data) and OUT/recipe.yaml.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "pipeline/training/schedule.h"

namespace avsr::pipeline {

// The time now as these files write it, UTC.
std::string time_text();

// Begins a run in settings.out, or goes on with the one there when settings.resume says so; returns its run.json.
// Throws std::runtime_error where there is a run without `resume` or none with it, where it is one of other data or
// damaged, where it started from another model (init: {file, hash} of the one now; null: none), and where its begun
// stages were trained by other values of the recipe; other changes of the recipe are taken over.
nlohmann::json open_run(const RunSettings& settings, const std::string& data_hash, const nlohmann::json& init = {});
// Throws what open_run would throw; writes nothing.
void require_run(const RunSettings& settings, const std::string& data_hash, const nlohmann::json& init = {});
// run.json as it is; an empty one where there is no run. Nothing is written.
nlohmann::json read_run(const std::filesystem::path& out);
void save_run(const std::filesystem::path& out, const nlohmann::json& run);

bool stage_finished(const std::filesystem::path& out, const nlohmann::json& run, const std::string& stage);
std::filesystem::path stage_model(const std::filesystem::path& out, const std::string& stage);

}  // namespace avsr::pipeline
