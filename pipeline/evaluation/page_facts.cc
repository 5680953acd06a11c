#include "pipeline/evaluation/page_facts.h"

#include <fmt/format.h>

#include <algorithm>

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

void add_facts(const TestedSplit& split, json& page) {
  const json& data = split.data;
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
  for (const json& model : split.models.is_array() ? split.models : json::array())
    page["models"].push_back(
        {{"model", model.at("name")}, {"streams", model.at("streams")}, {"file", model.at("file")}});
  page["noises"] = json::array();
  for (const json& noise : split.noises)
    page["noises"].push_back({{"noise", noise.at("name")}, {"sources", sources_of(noise)}});
  page["notes"] = split.notes;
  page["grouped_by"] = split.grouped_by;
  page["first_condition"] = split.name_of(split.conditions.front());
}

}  // namespace avsr::pipeline
