// The parts of the page on an evaluation: values for templates/evaluation.html.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "pipeline/evaluation/evaluation.h"
#include "pipeline/page_plots.h"

namespace avsr::pipeline {

// What all parts are made from.
class PageSource {
 public:
  PageSource(const Evaluation& from, const nlohmann::json& numbers);
  const Evaluation& evaluation;
  const nlohmann::json& results;  // results_json of it
  const std::vector<std::string> systems;
  // Of results: a system (by its number) under a condition; null where it cannot answer.
  const nlohmann::json* row(size_t system, const Condition& condition) const;
  // How far the reference is ahead of a system; null for the reference itself and where one of them cannot answer.
  const nlohmann::json* comparison(size_t over, const Condition& condition) const;

 private:
  size_t place(size_t system, const Condition& condition) const;
  std::map<size_t, size_t> comparisons_;  // by place(): index in results
};

std::string percent_text(double share);
std::string percent_text(const nlohmann::json& share);  // a dash where it is null

// panels: accuracy by noise and damage, and how far the reference is ahead.
void add_panels(const PageSource& source, PagePlots& plots, nlohmann::json& page);
// systems, roc, pr, fusion, speakers, lengths: the systems beside each other.
void add_systems(const PageSource& source, PagePlots& plots, nlohmann::json& page);
// details: each system by itself.
void add_details(const PageSource& source, PagePlots& plots, nlohmann::json& page);
// worst: clips with their pictures.
void add_worst_clips(const PageSource& source, nlohmann::json& page);

}  // namespace avsr::pipeline
