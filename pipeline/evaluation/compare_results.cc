#include "pipeline/evaluation/compare_results.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>
#include <utility>

#include "eval/error_rate.h"
#include "eval/significance.h"
#include "io/atomic_file.h"

namespace avsr::pipeline {
namespace {

using nlohmann::json;

std::string condition_of(const json& row) {
  const bool silent = row.value("missing", json()) == "audio";
  std::string name = silent ? "no sound" : "clean";
  if (!silent && row.at("snr_db").is_number())
    name = fmt::format("{} {:g} dB", row.at("noise").get<std::string>(), row["snr_db"].get<double>());
  if (row.at("damage").is_string()) name += ", " + row["damage"].get<std::string>();
  if (row.value("missing", json()) == "video") name += ", no video";
  return name + (row.contains("decoding") ? "; " + row["decoding"].get<std::string>() : "");
}

bool of_sentences(const json& results) { return results.value("kind", "") == "sentences"; }

using RowName = std::pair<std::string, std::string>;  // system, condition

std::vector<std::string> systems_of(const json& results) {
  std::vector<std::string> systems;
  for (const json& row : results.at("rows")) {
    const std::string name = row.at("model").get<std::string>();
    if (std::find(systems.begin(), systems.end(), name) == systems.end()) systems.push_back(name);
  }
  return systems;
}

// Clips of both: (index in the first, index in the second).
std::vector<std::pair<size_t, size_t>> common_clips(const json& before, const json& after) {
  const char* said = of_sentences(before) ? "texts" : "words";
  const json &keys = before.at("clips").at("keys"), &words = before["clips"].at(said),
             &others = after.at("clips").at("keys"), &other_words = after["clips"].at(said);
  std::map<std::string, size_t> places;
  for (size_t i = 0; i < others.size(); ++i) places[others[i].get<std::string>()] = i;
  std::vector<std::pair<size_t, size_t>> common;
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto found = places.find(keys[i].get<std::string>());
    if (found != places.end() && words.at(i) == other_words.at(found->second)) common.emplace_back(i, found->second);
  }
  return common;
}

class Comparer {
 public:
  Comparer(const json& before, const json& after) : before_(before), after_(after) {
    if (of_sentences(before) != of_sentences(after))
      throw std::invalid_argument("one of the two evaluations is of words, the other of sentences");
    clips_ = common_clips(before, after);
    change_.sentences = of_sentences(before);
    if (clips_.empty()) throw std::invalid_argument("the two evaluations have no clip in common");
    for (const auto& clip : clips_) groups_.push_back(before.at("clips").at("groups").at(clip.first).get<int>());
  }

  ResultsChange compare() {
    change_.clips = static_cast<int64_t>(clips_.size());
    note_settings();
    const std::map<std::string, std::string> renamed = matched_systems();
    std::map<RowName, const json*> others;
    for (const json& row : after_.at("rows")) others[{row.at("model").get<std::string>(), condition_of(row)}] = &row;
    int64_t alone = 0;
    for (const json& row : before_.at("rows")) {
      const std::string model = row.at("model").get<std::string>();
      const auto system = renamed.find(model);
      const auto found = system == renamed.end() ? others.end() : others.find({system->second, condition_of(row)});
      if (found == others.end()) {
        ++alone;
        continue;
      }
      change_.rows.push_back(change_.sentences ? compare_sentences(row, *found->second)
                                               : compare_words(row, *found->second));
      others.erase(found);
    }
    if (change_.rows.empty())
      throw std::invalid_argument("the two evaluations have no system under a condition in common");
    if (alone > 0 || !others.empty())
      change_.notes.push_back(
          fmt::format("{} rows are only in the first, {} only in the second", alone, others.size()));
    correct_for_many();
    list_words();
    return std::move(change_);
  }

 private:
  std::map<std::string, std::string> matched_systems() {
    const std::vector<std::string> first = systems_of(before_), second = systems_of(after_);
    std::map<std::string, std::string> matched;
    for (const std::string& name : first)
      if (std::find(second.begin(), second.end(), name) != second.end()) matched[name] = name;
    if (matched.empty() && first.size() == 1 && second.size() == 1) {
      matched[first[0]] = second[0];
      change_.notes.push_back(fmt::format("{} is compared with {}", first[0], second[0]));
    }
    return matched;
  }

  void note_settings() {
    for (const char* key : {"split", "hash", "seed", "snr_over", "room"})
      note_difference(fmt::format("data: {}", key), before_.at("data").value(key, json()),
                      after_.at("data").value(key, json()));
    note_difference("noises", before_.at("noises"), after_.at("noises"));
    const size_t first = before_["clips"].at("keys").size(), second = after_["clips"].at("keys").size();
    if (first != clips_.size() || second != clips_.size())
      change_.notes.push_back(
          fmt::format("compared on the {} clips that both have, of {} and {}", clips_.size(), first, second));
  }

  void note_difference(const std::string& what, const json& first, const json& second) {
    if (first != second) change_.notes.push_back(fmt::format("{}: {} then {}", what, first.dump(), second.dump()));
  }

  RowChange compare_words(const json& first, const json& second) {
    const std::string left = first.at("right").get<std::string>(), right = second.at("right").get<std::string>();
    const json& words = before_["clips"]["words"];
    std::vector<uint8_t> before, after;
    for (const auto& [i, j] : clips_) {
      before.push_back(left.at(i) == '1');
      after.push_back(right.at(j) == '1');
      WordChange& word = words_[words[i].get<std::string>()];
      ++word.clips;
      word.before += before.back();
      word.after += after.back();
    }
    RowChange row{.model = first.at("model").get<std::string>(), .condition = condition_of(first), .interval = {}};
    const std::vector<double> a(before.begin(), before.end()), b(after.begin(), after.end());
    const eval::McNemar test = eval::mcnemar(before, after);
    const auto clips = static_cast<double>(clips_.size());
    row.before = static_cast<double>(std::count(before.begin(), before.end(), uint8_t{1})) / clips;
    row.after = static_cast<double>(std::count(after.begin(), after.end(), uint8_t{1})) / clips;
    row.interval = eval::bootstrap_difference(b, a, groups_);
    row.lost = test.only_a;
    row.gained = test.only_b;
    row.p = test.p;
    return row;
  }

  RowChange compare_sentences(const json& first, const json& second) {
    std::vector<int64_t> before, after;
    std::vector<double> words, differences;
    RowChange row{.model = first.at("model").get<std::string>(), .condition = condition_of(first), .interval = {}};
    for (const auto& [i, j] : clips_) {
      before.push_back(first.at("errors").at(i).get<int64_t>());
      after.push_back(second.at("errors").at(j).get<int64_t>());
      words.push_back(before_["clips"]["words"].at(i).get<double>());
      differences.push_back(static_cast<double>(after.back() - before.back()));
      row.before += static_cast<double>(before.back());
      row.after += static_cast<double>(after.back());
      row.lost += after.back() > before.back() ? 1 : 0;
      row.gained += after.back() < before.back() ? 1 : 0;
      const std::string said = before_["clips"]["texts"].at(i).get<std::string>();
      count_words(said, first.at("heard").at(i).get<std::string>(), &WordChange::before);
      count_words(said, second.at("heard").at(j).get<std::string>(), &WordChange::after);
      for (const std::string& word : eval::words_of(said)) ++words_[word].clips;
    }
    const double all = std::accumulate(words.begin(), words.end(), 0.0);
    row.before /= all;
    row.after /= all;
    row.interval = eval::bootstrap_ratio(differences, words, groups_);
    row.p = eval::matched_pairs_p(before, after);
    return row;
  }

  // Adds the words that are right.
  void count_words(const std::string& said, const std::string& heard, int64_t WordChange::* right) {
    const std::vector<std::string> words = eval::words_of(said);
    for (const eval::EditStep& step : eval::edit_alignment(words, eval::words_of(heard)))
      if (step.edit == eval::Edit::match) ++(words_[words[static_cast<size_t>(step.reference)]].*right);
  }

  void correct_for_many() {
    std::vector<double> p_values;
    for (const RowChange& row : change_.rows) p_values.push_back(row.p);
    const std::vector<double> corrected = eval::holm(p_values);
    for (size_t i = 0; i < corrected.size(); ++i) change_.rows[i].p_holm = corrected[i];
  }

  void list_words() {
    for (auto& [word, change] : words_) {
      change.word = word;
      if (change.before != change.after) change_.words.push_back(change);
    }
    std::stable_sort(change_.words.begin(), change_.words.end(), [](const WordChange& a, const WordChange& b) {
      return std::abs(a.after - a.before) > std::abs(b.after - b.before);
    });
  }

  const json &before_, &after_;
  std::vector<std::pair<size_t, size_t>> clips_;
  std::vector<int> groups_;
  std::map<std::string, WordChange> words_;
  ResultsChange change_;
};

// Keys that a comparison reads, so that none is missing later.
void check_results(const json& results) {
  for (const char* key : {"rows", "clips", "data", "noises"}) results.at(key);
  const size_t clips = results.at("clips").at("keys").size();
  if (results["clips"].at("words").size() != clips || results["clips"].at("groups").size() != clips)
    throw std::invalid_argument("keys, words and groups of its clips are not of one length");
  for (const json& row : results["rows"]) {
    for (const char* key : {"model", "noise", "snr_db", "damage"}) row.at(key);
    if (of_sentences(results)) {
      if (results["clips"].at("texts").size() != clips || row.at("errors").size() != clips ||
          row.at("heard").size() != clips)
        throw std::invalid_argument(fmt::format("a row has {} sentences for {} clips", row.at("errors").size(), clips));
    } else if (row.at("right").get<std::string>().size() != clips)
      throw std::invalid_argument(fmt::format("a row has {} answers for {} clips", row["right"].size(), clips));
  }
}

}  // namespace

ResultsChange compare_results(const json& before, const json& after) { return Comparer(before, after).compare(); }

json read_results(const std::string& path) {
  std::filesystem::path file = path;
  if (std::filesystem::is_directory(file)) file /= "results.json";
  const std::string text = io::read_text_file(file.string());
  try {
    json results = json::parse(text);
    check_results(results);
    return results;
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format(
        "[compare] {}: expected the results.json of `avsr evaluate … --out DIR`, found another file ({}); an older "
        "evaluation must be made again",
        file.string(), error.what()));
  }
}

}  // namespace avsr::pipeline
