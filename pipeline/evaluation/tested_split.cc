#include "pipeline/evaluation/tested_split.h"

#include <fmt/format.h>

#include <algorithm>

namespace avsr::pipeline {
namespace {

using nlohmann::json;

// ", blur:2", ", no video"; nothing for the intact picture.
std::string picture_suffix(const Condition& condition) {
  if (condition.lacks(models::Streams::video)) return ", no video";
  return condition.damage ? fmt::format(", {}", condition.damage->text()) : "";
}

}  // namespace

std::string TestedSplit::name_of(const Condition& condition) const {
  if (condition.lacks(models::Streams::audio)) return "no sound";
  std::string name = "clean";
  if (condition.noise >= 0)
    name = fmt::format("{} {:g} dB", noises.at(static_cast<size_t>(condition.noise)).at("name").get<std::string>(),
                       condition.snr_db.value());
  return name + picture_suffix(condition);
}

std::vector<TestedSplit::Panel> TestedSplit::panels() const {
  std::vector<Panel> panels;
  std::vector<Condition> pictures;  // one of each, whatever is heard with it
  bool silent = false;
  for (const Condition& c : conditions) {
    const auto same = [&](const Condition& other) { return c.same_picture(other); };
    if (c.lacks(models::Streams::audio))
      silent = true;
    else if (std::none_of(pictures.begin(), pictures.end(), same))
      pictures.push_back(c);
  }
  for (const Condition& picture : pictures)
    for (size_t n = 0; n < std::max<size_t>(1, noises.size()); ++n) {
      Panel panel;
      for (const Condition& c : conditions)
        if (!c.lacks(models::Streams::audio) && c.same_picture(picture) &&
            (c.noise < 0 || c.noise == static_cast<int>(n)))
          panel.conditions.push_back(c);
      const bool noisy = panel.conditions.back().noise >= 0;
      panel.title = noisy ? noises[n].at("name").get<std::string>() : "clean";
      panel.title += picture_suffix(picture);
      if (n == 0 || noisy) panels.push_back(std::move(panel));  // clean alone stands once
    }
  if (silent) panels.push_back({"no sound", {{.damage = std::nullopt, .missing = models::Streams::audio}}});
  return panels;
}

void TestedSplit::describe(const Condition& condition, json& row) const {
  row["noise"] = condition.noise < 0 ? json("none") : noises.at(static_cast<size_t>(condition.noise)).at("name");
  row["snr_db"] = condition.snr_db ? json(*condition.snr_db) : json("clean");
  row["damage"] = condition.damage ? json(condition.damage->text()) : json();
  row["missing"] = condition.missing ? json(models::name_of(*condition.missing)) : json();
}

std::string level_name(const Condition& condition) {
  if (condition.lacks(models::Streams::audio)) return "no sound";
  return condition.snr_db ? fmt::format("{:g} dB", *condition.snr_db) : "clean";
}

}  // namespace avsr::pipeline
