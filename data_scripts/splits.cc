#include "data_scripts/splits.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "preprocessing/random.h"

namespace avsr::data_scripts {
namespace {

constexpr double kHeldOut = 0.1;  // of the clips, for val and for test each

using Group = std::vector<Source*>;

// By the hash of its name, so that the order of the list does not matter.
std::vector<Group> in_hash_order(const std::map<std::string, Group>& groups) {
  std::vector<std::pair<uint64_t, Group>> keyed;
  for (const auto& [name, members] : groups) keyed.emplace_back(preprocessing::hash_text(name), members);
  std::sort(keyed.begin(), keyed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Group> ordered;
  for (auto& [key, members] : keyed) ordered.push_back(std::move(members));
  return ordered;
}

void put_in(const Group& group, const char* split) {
  for (Source* source : group) source->split = split;
}

// Whole groups: the first ones to test until it has its share, the next to val, the rest to train.
void deal(const std::vector<Group>& groups) {
  size_t total = 0, next = 0;
  for (const Group& group : groups) total += group.size();
  const double share = kHeldOut * static_cast<double>(total);
  for (const auto& [split, groups_left] : {std::pair{"test", size_t{2}}, {"val", size_t{1}}}) {
    double taken = 0;
    // At least one group each, and one left for every split still to come.
    while (next + groups_left < groups.size()) {
      const auto size = static_cast<double>(groups[next].size());
      if (taken > 0 && taken + size / 2 > share) break;  // further from its share with it than without
      put_in(groups[next++], split);
      taken += size;
    }
  }
  for (; next < groups.size(); ++next) put_in(groups[next], "train");
}

}  // namespace

std::string assign_splits(std::vector<Source>& sources) {
  std::map<std::string, Group> speakers, labels;
  bool known = true;
  for (Source& source : sources) {
    speakers[source.speaker].push_back(&source);
    labels[source.label].push_back(&source);
    known = known && !source.speaker.empty();
  }
  constexpr size_t kLeastSpeakers = 3;
  const bool by_speaker = known && speakers.size() >= kLeastSpeakers;
  if (by_speaker) {
    deal(in_hash_order(speakers));
  } else {
    for (const auto& [label, members] : labels) {
      std::map<std::string, Group> clips;
      for (Source* source : members) clips[source->key].push_back(source);
      deal(in_hash_order(clips));
    }
  }
  std::map<std::string, int> counts;
  for (const Source& source : sources) ++counts[source.split];
  return fmt::format(
      "no splits are given: {} clips go to train, {} to val, {} to test{}", counts["train"], counts["val"],
      counts["test"],
      by_speaker ? fmt::format(", each of the {} speakers to one of them", speakers.size())
                 : ", dealt clip by clip, so that speakers are heard in training and in test (name at least three "
                   "speakers, or the splits)");
}

}  // namespace avsr::data_scripts
