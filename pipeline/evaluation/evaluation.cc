#include "pipeline/evaluation/evaluation.h"

#include <fmt/format.h>

#include <algorithm>

namespace avsr::pipeline {
namespace {

// ", blur:2", ", no video"; nothing for the intact picture.
std::string picture_suffix(const Condition& condition) {
  if (condition.lacks(models::Streams::video)) return ", no video";
  return condition.damage ? fmt::format(", {}", condition.damage->text()) : "";
}

}  // namespace

std::vector<uint8_t> EvaluationRow::hits(const std::vector<int>& words) const {
  std::vector<uint8_t> hits(answers.size());
  for (size_t i = 0; i < answers.size(); ++i) hits[i] = answers[i] == words.at(i) ? 1 : 0;
  return hits;
}

int64_t EvaluationRow::correct(const std::vector<int>& words) const {
  const std::vector<uint8_t> right = hits(words);
  return std::count(right.begin(), right.end(), uint8_t{1});
}

double EvaluationRow::accuracy(const std::vector<int>& words) const {
  return answers.empty() ? 0 : static_cast<double>(correct(words)) / static_cast<double>(clips());
}

double EvaluationRow::top(int k) const {
  const auto right = std::count_if(ranks.begin(), ranks.end(), [&](int rank) { return rank < k; });
  return ranks.empty() ? 0 : static_cast<double>(right) / static_cast<double>(ranks.size());
}

eval::Interval Evaluation::interval(const EvaluationRow& row) const {
  const int64_t correct = row.correct(words);
  if (groups.size() == words.size() && correct > 0 && correct < row.clips()) {
    const std::vector<uint8_t> hits = row.hits(words);
    if (const auto found = eval::bootstrap_mean(std::vector<double>(hits.begin(), hits.end()), groups)) return *found;
  }
  return eval::wilson_interval(correct, row.clips());
}

std::string Evaluation::name_of(const Condition& condition) const {
  if (condition.lacks(models::Streams::audio)) return "no sound";
  std::string name = "clean";
  if (condition.noise >= 0)
    name = fmt::format("{} {:g} dB", noises.at(static_cast<size_t>(condition.noise)).at("name").get<std::string>(),
                       condition.snr_db.value());
  return name + picture_suffix(condition);
}

std::vector<std::string> Evaluation::systems() const {
  std::vector<std::string> systems;
  for (const EvaluationRow& row : rows)
    if (systems.empty() || systems.back() != row.model) systems.push_back(row.model);
  return systems;
}

const EvaluationRow* Evaluation::row(const std::string& system, const Condition& condition) const {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const EvaluationRow& row) {
    return row.model == system && row.condition == condition;
  });
  return found == rows.end() ? nullptr : &*found;
}

std::vector<const EvaluationRow*> Evaluation::leading_rows() const {
  std::vector<const EvaluationRow*> leading;
  for (const std::string& system : systems())
    if (const EvaluationRow* first = row(system, conditions.front())) leading.push_back(first);
  return leading;
}

std::vector<Evaluation::Panel> Evaluation::panels() const {
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

}  // namespace avsr::pipeline
