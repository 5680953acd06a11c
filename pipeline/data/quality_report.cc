#include "pipeline/data/quality_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "io/atomic_file.h"
#include "io/image_file.h"
#include "pipeline/data/spread.h"
#include "pipeline/html_page.h"
#include "preprocessing/contact_sheet.h"

namespace avsr::pipeline {
namespace {

constexpr int kSheetColumns = 12, kSheetTiles = 96;
constexpr size_t kListed = 500;  // doubtful clips in the HTML page; quality.json has them all

using Counts = std::map<std::string, std::map<std::string, int64_t>>;  // split -> reason -> clips

Counts count_by_split(const std::vector<QualityRow>& rows) {
  Counts counts;
  for (const QualityRow& row : rows) ++counts[row.split][row.reason];
  return counts;
}

std::string quality_page(const std::vector<QualityRow>& rows, bool sheet) {
  nlohmann::json page{{"counts", nlohmann::json::array()}, {"listed", nlohmann::json::array()}, {"sheet", sheet}};
  for (const auto& [split, reasons] : count_by_split(rows))
    for (const auto& [reason, count] : reasons)
      page["counts"].push_back({{"split", split}, {"reason", reason}, {"clips", std::to_string(count)}});
  size_t doubtful = 0;
  for (const QualityRow& row : rows) {
    if (row.reason == "ok" || ++doubtful > kListed) continue;
    page["listed"].push_back({{"key", row.key},
                              {"reason", row.reason},
                              {"frames", std::to_string(row.frames)},
                              {"without_face", std::to_string(row.frames_without_face)},
                              {"outside", std::to_string(row.frames_outside)},
                              {"file", row.error.empty() ? row.media : row.error}});
  }
  if (doubtful > kListed) page["more"] = std::to_string(doubtful - kListed);
  return html_page("quality", page);
}

bool write_sheet(const std::string& folder) {
  const io::Frames mouths = sample_mouths(folder, kSheetTiles);
  if (mouths.count == 0) return false;
  io::Frames sheet = preprocessing::contact_sheet(mouths, std::min(kSheetColumns, mouths.count));
  const std::string path = (std::filesystem::path(folder) / "contact_sheet.png").string();
  io::write_image(path, {sheet.height, sheet.width, 1, std::move(sheet.pixels)});
  return true;
}

}  // namespace

nlohmann::json to_json(const QualityRow& row) {
  nlohmann::json json{{"key", row.key},
                      {"split", row.split},
                      {"media", row.media},
                      {"method", row.method},
                      {"reason", row.reason},
                      {"frames", row.frames},
                      {"frames_without_face", row.frames_without_face},
                      {"frames_outside", row.frames_outside},
                      {"source_fps", row.source_fps},
                      {"packed", row.packed}};
  if (!row.error.empty()) json["error"] = row.error;
  if (!row.notes.empty()) json["notes"] = row.notes;
  return json;
}

QualityRow quality_row_from_json(const nlohmann::json& json) {
  QualityRow row;
  json.at("key").get_to(row.key);
  json.at("split").get_to(row.split);
  json.at("media").get_to(row.media);
  json.at("method").get_to(row.method);
  json.at("reason").get_to(row.reason);
  json.at("frames").get_to(row.frames);
  json.at("frames_without_face").get_to(row.frames_without_face);
  json.at("frames_outside").get_to(row.frames_outside);
  json.at("source_fps").get_to(row.source_fps);
  json.at("packed").get_to(row.packed);
  row.error = json.value("error", "");
  row.notes = json.value("notes", std::vector<std::string>());
  return row;
}

std::map<std::string, int64_t> count_reasons(const std::vector<QualityRow>& rows) {
  std::map<std::string, int64_t> reasons;
  for (const QualityRow& row : rows) ++reasons[row.reason];
  return reasons;
}

void write_quality_report(const std::string& folder, const std::vector<QualityRow>& rows) {
  const std::filesystem::path root(folder);
  nlohmann::json doubtful = nlohmann::json::array();
  std::string lines;
  int64_t frames = 0, without_face = 0, outside = 0;
  for (const QualityRow& row : rows) {
    const nlohmann::json json = to_json(row);
    lines += json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    if (row.reason != "ok") doubtful.push_back(json);
    frames += row.frames, without_face += row.frames_without_face, outside += row.frames_outside;
  }
  const nlohmann::json summary{{"clips", rows.size()},
                               {"frames", frames},
                               {"frames_without_face", without_face},
                               {"frames_outside", outside},
                               {"reasons", count_reasons(rows)},
                               {"splits", count_by_split(rows)},
                               {"not_ok", doubtful}};
  io::write_file_atomically((root / "quality.jsonl").string(), lines);
  io::write_file_atomically((root / "quality.json").string(),
                            summary.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  const bool sheet = write_sheet(folder);
  io::write_file_atomically((root / "quality.html").string(), quality_page(rows, sheet));
}

}  // namespace avsr::pipeline
