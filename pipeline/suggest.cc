#include "pipeline/suggest.h"

#include <algorithm>

namespace avsr::pipeline {
namespace {

size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1] ? 1 : 0)});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

std::vector<std::string> nearest_names(const std::string& given, const std::vector<std::string>& names) {
  const size_t limit = std::clamp<size_t>(given.size() / 2, 1, 3);
  std::vector<std::pair<size_t, std::string>> scored;
  for (const std::string& name : names) {
    const bool prefix = !given.empty() && name.rfind(given, 0) == 0;
    const size_t distance = prefix ? 1 : edit_distance(given, name);
    if (distance <= limit) scored.emplace_back(distance, name);
  }
  std::stable_sort(scored.begin(), scored.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> nearest;
  for (auto& [distance, name] : scored) nearest.push_back(std::move(name));
  return nearest;
}

}  // namespace avsr::pipeline
