#include "pipeline/commands.h"

#include <algorithm>
#include <array>

namespace avsr::pipeline {

std::span<const Command> all_commands() {
  static constexpr std::array kCommands{
      Command{"synthesize", "make a corpus of drawn talking faces", run_synthesize, false},
      Command{"prepare", "videos -> packed clips (mouth crops and sound) and a quality report", run_prepare, false},
      Command{"train", "train the networks of a recipe, stage by stage", run_train, true},
      Command{"evaluate", "accuracy of models on a split, clean and in noise", run_evaluate, true},
      Command{"transcribe", "videos -> text, times and subtitles", run_transcribe, true},
      Command{"inspect", "say what a model, a media file or a prepared folder is", run_inspect, false},
      Command{"recipes", "list or print the built-in recipes", run_recipes, false},
  };
  return kCommands;
}

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
  std::vector<std::pair<size_t, std::string>> scored;
  for (const std::string& name : names) {
    const bool prefix = !given.empty() && name.rfind(given, 0) == 0;
    const size_t distance = prefix ? 1 : edit_distance(given, name);
    if (distance <= 3) scored.emplace_back(distance, name);
  }
  std::stable_sort(scored.begin(), scored.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> nearest;
  for (auto& [distance, name] : scored) nearest.push_back(std::move(name));
  return nearest;
}

}  // namespace avsr::pipeline
