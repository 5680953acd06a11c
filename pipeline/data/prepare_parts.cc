#include "pipeline/data/prepare_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "io/atomic_file.h"
#include "io/shards.h"

namespace avsr::pipeline {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kPlan = "plan.json";
constexpr const char* kFaceModel = "face_model";  // of a plan

void write_json(const fs::path& file, const json& value) {
  const std::string text = value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  io::write_file_atomically(file.string(), text);
}

// Discarded when it is none.
json read_json(const fs::path& file) { return json::parse(io::read_text_file(file.string()), nullptr, false); }

bool holds(const fs::path& file, const json& expected) {
  const json found = read_json(file);
  return !found.is_discarded() && found == expected;
}

// A plan has no landmark model where an older program made it, or where the model's file is not there: a folder that
// lacks nothing does not need it.
bool same_plan(json found, json wanted) {
  if (!found.is_object()) return false;
  if (!found.contains(kFaceModel) || !wanted.contains(kFaceModel)) {
    found.erase(kFaceModel);
    wanted.erase(kFaceModel);
  }
  return found == wanted;
}

// A failed start must not stand in the way of its correction: neither another plan, nor parts of which nothing could be
// packed. The same plan stays, and so do temporaries: they may be those of a run that has just begun.
void forget_failed_start(const fs::path& parts, const json& plan) {
  for (const fs::path& file : fs::directory_iterator(parts)) {
    if (file.extension() != ".json" || file.filename().string().starts_with(".")) continue;
    if (file.filename() != kPlan || !holds(file, plan)) fs::remove(file);
  }
}

json to_json(const FinishedPart& finished) {
  json rows = json::array();
  for (const QualityRow& row : finished.rows) rows.push_back(pipeline::to_json(row));
  return {{"rows", rows},
          {"shards", finished.shards},
          {"hash", finished.hash},
          {"clips", finished.clips},
          {"samples", finished.samples}};
}

FinishedPart finished_part_from_json(const json& known) {
  FinishedPart finished;
  for (const json& row : known.at("rows")) finished.rows.push_back(quality_row_from_json(row));
  known.at("shards").get_to(finished.shards);
  known.at("hash").get_to(finished.hash);
  known.at("clips").get_to(finished.clips);
  known.at("samples").get_to(finished.samples);
  return finished;
}

}  // namespace

std::vector<data_scripts::Source> limited(const std::vector<data_scripts::Source>& sources, int limit) {
  using data_scripts::Source;
  if (limit < 1) return sources;
  std::map<std::string, std::vector<const Source*>> splits;
  for (const Source& source : sources) splits[source.split].push_back(&source);
  std::vector<Source> kept;
  for (const Source& source : sources) {
    const auto found = splits.find(source.split);
    if (found == splits.end()) continue;  // this split's are already in
    const size_t count = std::min(found->second.size(), static_cast<size_t>(limit));
    for (size_t i = 0; i < count; ++i) kept.push_back(*found->second[i * found->second.size() / count]);
    splits.erase(found);
  }
  return kept;
}

std::vector<Part> parts_of(const std::vector<data_scripts::Source>& sources, size_t most) {
  std::vector<Part> parts;
  int number = 0;
  for (size_t i = 0; i < sources.size(); ++i) {
    const bool other_split = parts.empty() || parts.back().split != sources[i].split;
    if (other_split || parts.back().count == most) {
      number = other_split ? 0 : number + 1;
      parts.push_back({fmt::format("{}-{:04d}", sources[i].split, number), sources[i].split, i, 0});
    }
    ++parts.back().count;
  }
  return parts;
}

void PreparedFolder::begin(const json& plan) {
  const fs::path plan_file = folder_ / ".parts" / kPlan;
  if (fs::exists(plan_file) && !has_dataset() && io::list_shards(folder_.string()).empty())
    forget_failed_start(folder_ / ".parts", plan);
  if (fs::exists(plan_file)) {
    if (const json found = read_json(plan_file); !same_plan(found, plan)) {
      throw std::runtime_error(fmt::format(
          "{}: expected clips prepared as {}, found it begun as {}; give another folder, or remove this one",
          folder_.string(), plan.dump(), found.is_discarded() ? "?" : found.dump()));
    }
  } else if (has_dataset()) {
    throw std::runtime_error(fmt::format(
        "{}: expected an empty folder or one that was begun by `avsr prepare`, found a dataset.json without "
        ".parts/plan.json",
        folder_.string()));
  }
  io::remove_abandoned_temporaries(folder_.string());
  io::remove_abandoned_temporaries((folder_ / ".parts").string());
  if (!fs::exists(plan_file)) write_json(plan_file, plan);
}

bool PreparedFolder::has_dataset() const {
  return fs::exists(folder_ / "dataset.json") && read_json(folder_ / "dataset.json").is_object();
}

void PreparedFolder::remove_dataset() const { fs::remove(folder_ / "dataset.json"); }

fs::path PreparedFolder::part_file(const Part& part) const { return folder_ / ".parts" / (part.prefix + ".json"); }

// 0 for one that is gone.
std::vector<uint64_t> PreparedFolder::shard_bytes(const FinishedPart& part) const {
  std::vector<uint64_t> sizes;
  for (const std::string& shard : part.shards) {
    std::error_code absent;
    const uint64_t bytes = fs::file_size(folder_ / shard, absent);
    sizes.push_back(absent ? 0 : bytes);
  }
  return sizes;
}

std::optional<FinishedPart> PreparedFolder::finished(const Part& part) const {
  if (!fs::exists(part_file(part))) return std::nullopt;
  try {
    const json known = read_json(part_file(part));
    FinishedPart finished = finished_part_from_json(known);
    if (known.at("shard_bytes") != shard_bytes(finished)) return std::nullopt;
    return finished;
  } catch (const json::exception&) {
    return std::nullopt;  // is packed again
  }
}

void PreparedFolder::record(const Part& part, const FinishedPart& finished) const {
  json record = to_json(finished);
  record["shard_bytes"] = shard_bytes(finished);
  write_json(part_file(part), record);
}

void PreparedFolder::write_dataset(const json& dataset) const { write_json(folder_ / "dataset.json", dataset); }

}  // namespace avsr::pipeline
