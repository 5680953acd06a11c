#include "pipeline/quality_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "io/atomic_file.h"
#include "io/image_file.h"
#include "pipeline/spread.h"
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

std::string escaped(const std::string& text) {
  std::string html;
  for (const char c : text) {
    html += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
  }
  return html;
}

std::string html_page(const std::vector<QualityRow>& rows, bool sheet) {
  std::string page =
      "<!doctype html><meta charset=\"utf-8\"><title>Quality of the prepared clips</title>\n<style>body{font-family:"
      "sans-serif;max-width:75em;margin:2em auto}td,th{padding:.2em .8em;text-align:left}img{max-width:100%}</style>\n"
      "<h1>Quality of the prepared clips</h1>\n<table><tr><th>split<th>reason<th>clips\n";
  for (const auto& [split, reasons] : count_by_split(rows)) {
    for (const auto& [reason, count] : reasons) page += fmt::format("<tr><td>{}<td>{}<td>{}\n", split, reason, count);
  }
  page += "</table>\n";
  if (sheet) page += "<h2>Mouths, evenly spread over the clips</h2>\n<img src=\"contact_sheet.png\">\n";
  page += "<h2>Clips to look at</h2>\n<table><tr><th>key<th>reason<th>frames<th>without face<th>outside<th>file\n";
  size_t listed = 0;
  for (const QualityRow& row : rows) {
    if (row.reason == "ok" || ++listed > kListed) continue;
    page +=
        fmt::format("<tr><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}\n", row.key, row.reason, row.frames,
                    row.frames_without_face, row.frames_outside, escaped(row.error.empty() ? row.media : row.error));
  }
  page += listed == 0 ? "<tr><td>none\n</table>\n" : "</table>\n";
  if (listed > kListed) page += fmt::format("<p>and {} more: see quality.json\n", listed - kListed);
  return page;
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
  io::write_file_atomically((root / "quality.html").string(), html_page(rows, sheet));
}

}  // namespace avsr::pipeline
