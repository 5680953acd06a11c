#include "pipeline/evaluation/evaluation_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "pipeline/evaluation/evaluation_parts.h"
#include "pipeline/evaluation/page_facts.h"
#include "pipeline/html_page.h"
#include "pipeline/recognition/word_sequence.h"

namespace avsr::pipeline {
using nlohmann::json;

// Comparisons have the order of compare(): condition by condition, systems in their order, those that both can answer.
PageSource::PageSource(const Evaluation& from, const json& numbers)
    : evaluation(from), results(numbers), systems(from.systems()) {
  const json& all = results.at("comparisons");
  if (all.empty()) return;
  const std::string reference = all.front().at("model").get<std::string>();
  size_t next = 0;
  for (const Condition& condition : from.conditions)
    for (size_t s = 0; s < systems.size(); ++s)
      if (systems[s] != reference && from.row(reference, condition) && from.row(systems[s], condition))
        comparisons_[place(s, condition)] = next++;
}

size_t PageSource::place(size_t system, const Condition& condition) const {
  const std::vector<Condition>& all = evaluation.conditions;
  return system * all.size() + static_cast<size_t>(std::find(all.begin(), all.end(), condition) - all.begin());
}

const json* PageSource::row(size_t system, const Condition& condition) const {
  const EvaluationRow* found = evaluation.row(systems[system], condition);
  return found ? &results.at("rows").at(static_cast<size_t>(found - evaluation.rows.data())) : nullptr;
}

const json* PageSource::comparison(size_t over, const Condition& condition) const {
  const auto found = comparisons_.find(place(over, condition));
  return found == comparisons_.end() ? nullptr : &results.at("comparisons").at(found->second);
}

std::string percent_text(double share) { return fmt::format("{:.1f}", 100 * share); }

std::string percent_text(const json& share) { return share.is_number() ? percent_text(share.get<double>()) : "–"; }

std::string evaluation_page(const Evaluation& evaluation, const json& results) {
  const PageSource source(evaluation, results);
  PagePlots plots;
  json page;
  const size_t words = evaluation.labels.size() - (background_of(evaluation.labels) >= 0 ? 1 : 0);
  page["title"] = fmt::format("{} words, {} clips", words, evaluation.keys.size());
  add_facts(evaluation, page);
  add_panels(source, plots, page);
  add_systems(source, plots, page);
  add_details(source, plots, page);
  add_worst_clips(source, page);
  try {
    plots.draw(page);
  } catch (const std::runtime_error& error) {
    page["undrawn"] = error.what();
  }
  return html_page("evaluation", page);
}

}  // namespace avsr::pipeline
