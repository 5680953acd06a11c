#include "pipeline/evaluation/evaluation_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "pipeline/evaluation/evaluation_parts.h"
#include "pipeline/html_page.h"
#include "pipeline/recognition/word_sequence.h"

namespace avsr::pipeline {
namespace {

using nlohmann::json;

json fact(const std::string& name, const std::string& value) { return {{"name", name}, {"value", value}}; }

std::string text_of(const json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

// What a noise is made of: {what, hash}, one for each file.
json sources_of(const json& noise) {
  json sources = json::array();
  const auto add_file = [&](const json& file) {
    sources.push_back(
        {{"what", fmt::format("{} ({:.1f} s)", file.at("file").get<std::string>(), file.value("seconds", 0.0))},
         {"hash", file.value("hash", "")}});
  };
  if (noise.contains("file")) add_file(noise);
  for (const json& file : noise.value("files", json::array())) add_file(file);
  if (!sources.empty()) return sources;
  std::string what = noise.value("kind", "");
  if (noise.contains("voices")) what += fmt::format(", {} voices at a time", noise["voices"].get<int>());
  if (noise.contains("utterances")) what += fmt::format(", from {} utterances", noise["utterances"].get<int64_t>());
  if (noise.contains("talkers")) what += fmt::format(" of {} talkers", noise["talkers"].size());
  if (noise.value("own_talker_left_out", false)) what += ", never the clip's own";
  return json::array({json{{"what", what}, {"hash", noise.value("hash", "–")}}});
}

}  // namespace

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

void add_facts(const PageSource& source, json& page) {
  const Evaluation& evaluation = source.evaluation;
  const json& data = evaluation.data;
  const size_t words = evaluation.labels.size() - (background_of(evaluation.labels) >= 0 ? 1 : 0);
  page["title"] = fmt::format("{} words, {} clips", words, evaluation.keys.size());
  static const std::vector<std::pair<const char*, const char*>> kFacts{
      {"folder", "data"}, {"split", "split"}, {"hash", "hash of the data"}, {"clips", "clips"}, {"labels", "labels"},
      {"seed", "seed"},   {"room", "room"},   {"snr_over", "SNR over the"}};
  page["facts"] = json::array();
  for (const auto& [key, name] : kFacts)
    if (data.contains(key)) page["facts"].push_back(fact(name, text_of(data[key])));
  for (const auto& [key, value] : data.items())
    if (std::none_of(kFacts.begin(), kFacts.end(), [&](const auto& known) { return known.first == key; }))
      page["facts"].push_back(fact(key, text_of(value)));
  page["models"] = json::array();
  for (const json& model : evaluation.models.is_array() ? evaluation.models : json::array())
    page["models"].push_back(
        {{"model", model.at("name")}, {"streams", model.at("streams")}, {"file", model.at("file")}});
  page["noises"] = json::array();
  for (const json& noise : evaluation.noises)
    page["noises"].push_back({{"noise", noise.at("name")}, {"sources", sources_of(noise)}});
  page["notes"] = evaluation.notes;
  page["grouped_by"] = evaluation.grouped_by;
  page["first_condition"] = evaluation.name_of(evaluation.conditions.front());
}

std::string evaluation_page(const Evaluation& evaluation, const json& results) {
  const PageSource source(evaluation, results);
  PagePlots plots;
  json page;
  add_facts(source, page);
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
