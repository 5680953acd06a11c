#include "pipeline/batch/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "io/atomic_file.h"
#include "pipeline/batch/json_text.h"

namespace avsr::pipeline {
namespace {

namespace fs = std::filesystem;

nlohmann::json json_of(const FileResult& result) {
  return {{"file", result.file}, {"output", result.output}, {"seconds", result.seconds}, {"words", result.words}};
}

template <typename T>
std::vector<T> by_file(std::vector<T> items) {
  std::sort(items.begin(), items.end(), [](const T& a, const T& b) { return a.file < b.file; });
  return items;
}

// A running shard counts for more than an interrupted one: it may still end well.
std::string state_of_all(const std::vector<Summary>& shards) {
  for (const char* state : {"running", "interrupted"})
    if (std::any_of(shards.begin(), shards.end(), [&](const Summary& s) { return s.state == state; })) return state;
  return "finished";
}

}  // namespace

double Summary::video_seconds() const {
  double seconds = 0;
  for (const FileResult& result : good) seconds += result.seconds;
  return seconds;
}

std::string summary_name(const Shard& shard) { return fmt::format("summary{}.json", shard.suffix()); }

nlohmann::json to_json(const Summary& summary) {
  nlohmann::json results = nlohmann::json::array(), failures = nlohmann::json::array();
  for (const FileResult& result : by_file(summary.good)) results.push_back(json_of(result));
  for (const Failure& failure : by_file(summary.failures)) failures.push_back(to_json(failure));
  const auto good = static_cast<int64_t>(summary.good.size()), failed = static_cast<int64_t>(summary.failures.size());
  return {{"format", "avsr-transcribe-1"},
          {"state", summary.state},
          {"shard", {{"index", summary.shard.index}, {"of", summary.shard.of}}},
          {"made_with", summary.made_with},
          {"files", summary.files},
          {"good", good},
          {"failed", failed},
          {"left", summary.files - good - failed},
          {"video_seconds", summary.video_seconds()},
          {"ignored", summary.ignored},
          {"this_run",
           {{"made", good - summary.kept},
            {"kept", summary.kept},
            {"made_again", summary.made_again},
            {"seconds", summary.run_seconds},
            {"video_seconds", summary.run_video_seconds},
            {"times_real_time", summary.times_real_time()}}},
          {"failures", failures},
          {"results", results}};
}

Summary summary_from_json(const nlohmann::json& json) {
  Summary summary;
  json.at("state").get_to(summary.state);
  summary.shard = {json.at("shard").at("index"), json.at("shard").at("of")};
  summary.made_with = json.at("made_with");
  json.at("files").get_to(summary.files);
  json.at("ignored").get_to(summary.ignored);
  for (const nlohmann::json& result : json.at("results"))
    summary.good.push_back({result.at("file"), result.at("output"), result.at("seconds"), result.at("words")});
  for (const nlohmann::json& failure : json.at("failures")) summary.failures.push_back(failure_from_json(failure));
  const nlohmann::json& run = json.at("this_run");
  run.at("kept").get_to(summary.kept);
  run.at("made_again").get_to(summary.made_again);
  run.at("seconds").get_to(summary.run_seconds);
  run.at("video_seconds").get_to(summary.run_video_seconds);
  return summary;
}

Summary merged(const std::vector<Summary>& shards) {
  if (shards.empty()) throw std::invalid_argument("[summary] expected summaries, got none");
  Summary all;
  all.made_with = shards[0].made_with;
  all.ignored = shards[0].ignored;  // every shard lists all folders
  all.state = state_of_all(shards);
  for (size_t i = 0; i < shards.size(); ++i) {
    const Summary& one = shards[i];
    const Shard expected{static_cast<int>(i) + 1, static_cast<int>(shards.size())};
    if (one.shard != expected)
      throw std::invalid_argument(
          fmt::format("[summary] expected shard {}, got {}", expected.text(), one.shard.text()));
    if (one.made_with != all.made_with)
      throw std::invalid_argument(
          fmt::format("[summary] shard {} was made with other models or settings than the first", one.shard.text()));
    all.files += one.files;
    all.good.insert(all.good.end(), one.good.begin(), one.good.end());
    all.kept += one.kept;
    all.failures.insert(all.failures.end(), one.failures.begin(), one.failures.end());
    for (const auto& [why, count] : one.made_again) all.made_again[why] += count;
    all.run_seconds = std::max(all.run_seconds, one.run_seconds);  // they ran side by side
    all.run_video_seconds += one.run_video_seconds;
  }
  return all;
}

std::optional<Summary> merge_when_complete(const std::string& out, int shards) {
  std::vector<Summary> parts;
  for (int i = 1; i <= shards; ++i) {
    const std::string path = (fs::path(out) / summary_name({i, shards})).string();
    std::error_code error;
    if (!fs::exists(path, error)) return {};
    parts.push_back(summary_from_json(nlohmann::json::parse(io::read_text_file(path))));
    if (parts.back().state == "running" || parts.back().made_with != parts[0].made_with) return {};
  }
  Summary all = merged(parts);
  io::write_file_atomically((fs::path(out) / summary_name({})).string(), json_text(to_json(all)));
  return all;
}

}  // namespace avsr::pipeline
