#include "pipeline/evaluation/evaluation.h"

#include <algorithm>

namespace avsr::pipeline {

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

}  // namespace avsr::pipeline
