#include "pipeline/suggest.h"

#include <algorithm>

#include "models/layers/edit_distance.h"

namespace avsr::pipeline {

std::vector<std::string> nearest_names(const std::string& given, const std::vector<std::string>& names) {
  const size_t limit = std::clamp<size_t>(given.size() / 2, 1, 3);
  std::vector<std::pair<size_t, std::string>> scored;
  for (const std::string& name : names) {
    const bool prefix = !given.empty() && name.rfind(given, 0) == 0;
    const size_t distance = prefix ? 1 : layers::edit_distance(given, name);
    if (distance <= limit) scored.emplace_back(distance, name);
  }
  std::stable_sort(scored.begin(), scored.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> nearest;
  for (auto& [distance, name] : scored) nearest.push_back(std::move(name));
  return nearest;
}

}  // namespace avsr::pipeline
