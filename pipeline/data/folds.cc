#include "pipeline/data/folds.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "io/atomic_file.h"
#include "pipeline/data/dataset.h"
#include "preprocessing/random.h"

namespace avsr::pipeline {
namespace {

using Group = std::vector<int>;  // of clips

// By the hash of (seed, name): neither the order of the shards nor that of the alphabet decides.
std::vector<std::string> in_hash_order(const std::map<std::string, Group>& groups, uint64_t seed) {
  std::vector<std::pair<uint64_t, std::string>> keyed;
  for (const auto& [name, clips] : groups)
    keyed.emplace_back(preprocessing::derive_key(seed, preprocessing::hash_text(name)), name);
  std::sort(keyed.begin(), keyed.end());
  std::vector<std::string> names;
  for (const auto& [key, name] : keyed) names.push_back(name);
  return names;
}

class Folds {
 public:
  Folds(const io::ShardDataset& clips, const FoldSettings& settings) : clips_(clips), settings_(settings) {
    for (int i = 0; i < clips.size(); ++i) {
      const io::Clip& clip = clips.record(i).clip;
      const bool dealt = clip.split == "train" || clip.split == "val" || (settings.with_test && clip.split == "test");
      if (clip.split == "other") others_.push_back(i);
      if (!dealt) continue;
      dealt_.push_back(i);
      speakers_[clip.speaker].push_back(i);
      labels_[clip.label][clip.key].push_back(i);
    }
  }

  std::vector<Fold> k_folds() const {
    const auto k = static_cast<size_t>(settings_.folds);
    std::vector<Group> groups(k);
    const bool by_speaker = !speakers_.count("") && speakers_.size() >= k;
    if (by_speaker) {
      // The largest speaker first, each to the group that is smallest so far.
      std::vector<std::string> names = in_hash_order(speakers_, settings_.seed);
      std::stable_sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
        return speakers_.at(a).size() > speakers_.at(b).size();
      });
      for (const std::string& name : names) {
        auto smallest = std::min_element(groups.begin(), groups.end(),
                                         [](const Group& a, const Group& b) { return a.size() < b.size(); });
        smallest->insert(smallest->end(), speakers_.at(name).begin(), speakers_.at(name).end());
      }
    } else {
      size_t next = 0;  // goes on from label to label, so that groups of small labels are as large as others
      for (const auto& [label, clips] : labels_)
        for (const std::string& key : in_hash_order(clips, settings_.seed))
          groups[next++ % k].push_back(clips.at(key).front());
    }
    if (std::any_of(groups.begin(), groups.end(), [](const Group& group) { return group.empty(); }))
      throw std::runtime_error(
          fmt::format("[folds] {} clips are too few for {} folds: choose fewer", dealt_.size(), settings_.folds));
    std::vector<Fold> folds;
    for (size_t i = 0; i < k; ++i)
      folds.push_back(make(groups[i], groups[(i + 1) % k],
                           fmt::format("group {} of {}{}", i + 1, k, by_speaker ? speakers_text(groups[i]) : "")));
    return folds;
  }

  std::vector<Fold> leave_out() const {
    const auto p = static_cast<size_t>(settings_.leave_out);
    if (speakers_.count("") || speakers_.size() < 2 * p + 1)
      throw std::runtime_error(fmt::format(
          "[folds] leaving {0} out to test and {0} to validate wants at least {1} named speakers, found {2}{3}", p,
          2 * p + 1, speakers_.size() - speakers_.count(""), speakers_.count("") ? " and clips of unknown ones" : ""));
    const std::vector<std::string> names = in_hash_order(speakers_, settings_.seed);
    std::vector<Fold> folds;
    for (const std::vector<size_t>& chosen : combinations(names.size(), p)) {
      std::set<std::string> tested;
      Group test, validation;
      for (const size_t i : chosen) {
        tested.insert(names[i]);
        append(test, names[i]);
      }
      // The speakers that follow the last one tested, going round.
      size_t wanted = p;
      for (size_t i = chosen.back() + 1; wanted > 0; ++i) {
        const std::string& name = names[i % names.size()];
        if (tested.count(name)) continue;
        append(validation, name);
        --wanted;
      }
      folds.push_back(make(test, validation, fmt::format("speakers {}", fmt::join(tested, " "))));
    }
    return folds;
  }

 private:
  void append(Group& group, const std::string& speaker) const {
    group.insert(group.end(), speakers_.at(speaker).begin(), speakers_.at(speaker).end());
  }

  std::string speakers_text(const Group& group) const {
    std::set<std::string> names;
    for (const int clip : group) names.insert(clips_.record(clip).clip.speaker);
    return fmt::format(": speakers {}", fmt::join(names, " "));
  }

  // All ways to take p of n, or `most` different ones drawn at random.
  std::vector<std::vector<size_t>> combinations(size_t n, size_t p) const {
    double ways = 1;
    for (size_t i = 0; i < p; ++i) ways *= static_cast<double>(n - i) / static_cast<double>(i + 1);
    std::vector<std::vector<size_t>> all;
    if (ways <= settings_.most) {
      std::vector<size_t> chosen(p);
      for (size_t i = 0; i < p; ++i) chosen[i] = i;
      while (true) {
        all.push_back(chosen);
        size_t i = p;
        while (i > 0 && chosen[i - 1] == n - p + i - 1) --i;
        if (i == 0) return all;
        ++chosen[i - 1];
        for (; i < p; ++i) chosen[i] = chosen[i - 1] + 1;
      }
    }
    preprocessing::Random random(preprocessing::derive_key(settings_.seed, preprocessing::hash_text("leave out")));
    std::set<std::vector<size_t>> drawn;
    while (drawn.size() < static_cast<size_t>(settings_.most)) {
      std::set<size_t> chosen;
      while (chosen.size() < p) chosen.insert(random.below(n));
      if (drawn.insert({chosen.begin(), chosen.end()}).second) all.emplace_back(chosen.begin(), chosen.end());
    }
    return all;
  }

  Fold make(const Group& test, const Group& validation, const std::string& tested) const {
    Fold fold;
    fold.tested = tested;
    const auto put = [&](const Group& group, const char* split) {
      for (const int clip : group) fold.splits[clips_.record(clip).clip.key] = split;
    };
    put(dealt_, "train");
    put(validation, "val");
    put(test, "test");
    put(others_, "other");
    return fold;
  }

  const io::ShardDataset& clips_;
  const FoldSettings& settings_;
  Group dealt_, others_;
  std::map<std::string, Group> speakers_;
  std::map<std::string, std::map<std::string, Group>> labels_;  // label -> key -> that clip
};

}  // namespace

void FoldSettings::validate() const {
  if (leave_out == 0 && (folds < 3 || folds > 1000))
    throw std::invalid_argument(
        fmt::format("[folds] expected 3 to 1000 folds (one tests, one validates, the others train), found {}", folds));
  if (leave_out < 0 || leave_out > 1000)
    throw std::invalid_argument(fmt::format("[folds] expected 1 to 1000 speakers to leave out, found {}", leave_out));
  if (most < 1) throw std::invalid_argument(fmt::format("[folds] expected at least one fold, found {}", most));
}

std::vector<Fold> make_folds(const io::ShardDataset& clips, const FoldSettings& settings) {
  settings.validate();
  const Folds folds(clips, settings);
  return settings.leave_out > 0 ? folds.leave_out() : folds.k_folds();
}

void write_view(const std::string& folder, const Fold& fold, const std::filesystem::path& view) {
  DatasetInfo info = read_dataset_info(folder);
  std::map<std::string, uint64_t> shards;
  for (const std::string& shard : shards_of(folder))
    shards[std::filesystem::absolute(shard)] = std::filesystem::file_size(shard);
  uint64_t hash = preprocessing::hash_text(info.hash);
  std::map<std::string, int64_t> counts;
  for (const auto& [key, split] : fold.splits) {
    hash = preprocessing::derive_key(hash, preprocessing::hash_text(key), preprocessing::hash_text(split));
    ++counts[split];
  }
  info.json["shards"] = shards;
  info.json["clips"] = counts;
  info.json["splits"] = fold.splits;
  info.json["view_of"] = std::filesystem::absolute(folder).string();
  info.json["hash"] = fmt::format("{:016x}", hash);
  io::write_file_atomically((view / "dataset.json").string(), std::string_view(info.json.dump() + "\n"));
}

}  // namespace avsr::pipeline
