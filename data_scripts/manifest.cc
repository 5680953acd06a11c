#include "data_scripts/manifest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "data_scripts/text_lines.h"
#include "io/shards.h"

namespace avsr::data_scripts {
namespace fs = std::filesystem;
namespace {

constexpr std::array kColumns = {"path", "split", "label", "transcript", "speaker", "start", "end", "key"};

using Row = std::map<std::string, std::string>;  // column -> value, only those that are not empty

void check_column(const fs::path& file, int line, const std::string& name) {
  if (std::find(kColumns.begin(), kColumns.end(), name) == kColumns.end()) {
    fail_at(file, line, fmt::format("columns out of {}", fmt::join(kColumns, ", ")), fmt::format("'{}'", name));
  }
}

// Of two values only one would count. Adds the name to those before it.
void check_first(const fs::path& file, int line, std::vector<std::string>& before, const std::string& name) {
  if (std::find(before.begin(), before.end(), name) != before.end())
    fail_at(file, line, "each column once", fmt::format("'{}' twice", name));
  before.push_back(name);
}

// One CSV record: fields in double quotes may hold commas and doubled quotes; a record is one line.
std::vector<std::string> split_csv(const fs::path& file, const TextLine& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (size_t i = 0; i < line.text.size(); ++i) {
    const char c = line.text[i];
    if (quoted && c == '"' && i + 1 < line.text.size() && line.text[i + 1] == '"') {
      fields.back() += '"';
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  if (quoted) fail_at(file, line.number, "a closing quote", "the end of the line");
  return fields;
}

// Prepared clips keep their texts as JSON, which is UTF-8.
void check_utf8(const fs::path& file, int line, const char* column, const std::string& text) {
  try {
    (void)nlohmann::json(text).dump();
  } catch (const nlohmann::json::type_error&) {
    fail_at(file, line, fmt::format("UTF-8 text for '{}'", column), fmt::format("'{}'", text));
  }
}

std::string make_key(const fs::path& file, int line, const std::string& text) {
  const std::string key = key_from(text);
  if (key.size() > io::kMaxKeyLength) {
    fail_at(file, line,
            fmt::format("a key of at most {} characters (by default the path; the column 'key' gives another)",
                        io::kMaxKeyLength),
            fmt::format("'{}' of {}", key, key.size()));
  }
  return key;
}

Source make_source(const fs::path& file, int line, const Row& row) {
  const auto value = [&](const char* column) {
    const auto found = row.find(column);
    return found == row.end() ? std::string() : found->second;
  };
  const auto required = [&](const char* column) {
    if (value(column).empty()) fail_at(file, line, fmt::format("a value for '{}'", column), "none");
    return value(column);
  };
  for (const char* column : {"label", "transcript", "speaker"}) check_utf8(file, line, column, value(column));
  Source source;
  source.media_path = file.parent_path() / required("path");
  source.split = value("split");
  if (!source.split.empty() && source.split != "train" && source.split != "val" && source.split != "test" &&
      source.split != "other") {
    fail_at(file, line, "split train, val, test or other", fmt::format("'{}'", source.split));
  }
  source.label = value("label");
  source.speaker = value("speaker");
  if (source.label.empty() == value("transcript").empty()) {
    fail_at(file, line, "either a label or a transcript", source.label.empty() ? "neither" : "both");
  }
  std::istringstream transcript(value("transcript"));
  for (std::string word; transcript >> word;) source.words.push_back({word, 0, 0});
  if (!value("start").empty()) source.start_seconds = number_at(file, line, "start in seconds", value("start"));
  if (!value("end").empty()) source.end_seconds = number_at(file, line, "end in seconds", value("end"));
  const double start = source.start_seconds.value_or(0);
  if (start < 0 || (source.end_seconds && *source.end_seconds <= start)) {
    fail_at(file, line, "0 <= start < end", fmt::format("start '{}', end '{}'", value("start"), value("end")));
  }
  if (!fs::exists(source.media_path)) fail_at(file, line, source.media_path.string(), "no such file");
  const std::string cut = source.start_seconds ? fmt::format("_{:.0f}ms", start * 1000) : "";
  const std::string path_key = fs::path(value("path")).replace_extension("").string() + cut;
  source.key = make_key(file, line, value("key").empty() ? path_key : value("key"));
  return source;
}

std::vector<Source> read_csv(const fs::path& file, const std::vector<TextLine>& lines, Problems* problems) {
  std::vector<Source> sources;
  std::vector<std::string> columns;
  for (const TextLine& line : lines) {
    if (trimmed(line.text).empty()) continue;
    if (columns.empty()) {
      for (const std::string& field : split_csv(file, line)) {
        check_column(file, line.number, trimmed(field));
        check_first(file, line.number, columns, trimmed(field));
      }
      continue;
    }
    add_or_note(problems, [&] {
      const std::vector<std::string> fields = split_csv(file, line);
      if (fields.size() != columns.size())
        fail_at(file, line.number, fmt::format("{} fields ({})", columns.size(), fmt::join(columns, ",")),
                fmt::format("{}", fields.size()));
      Row row;
      for (size_t i = 0; i < fields.size(); ++i) row[columns[i]] = trimmed(fields[i]);
      sources.push_back(make_source(file, line.number, row));
    });
  }
  return sources;
}

std::vector<Source> read_jsonl(const fs::path& file, const std::vector<TextLine>& lines, Problems* problems) {
  std::vector<Source> sources;
  const auto add_line = [&](const TextLine& line) {
    if (trimmed(line.text).empty()) return;
    std::vector<std::string> names;
    const auto check_name = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
      if (depth == 1 && event == nlohmann::json::parse_event_t::key)
        check_first(file, line.number, names, parsed.get<std::string>());
      return true;
    };
    const nlohmann::json object = nlohmann::json::parse(line.text, check_name, false);
    if (!object.is_object()) fail_at(file, line.number, "a JSON object", fmt::format("'{}'", line.text));
    Row row;
    for (const auto& [name, value] : object.items()) {
      check_column(file, line.number, name);
      if (!value.is_string() && !value.is_number() && !value.is_null()) {
        fail_at(file, line.number, fmt::format("a text or a number for '{}'", name), value.dump());
      }
      if (!value.is_null()) row[name] = value.is_string() ? value.get<std::string>() : value.dump();
    }
    sources.push_back(make_source(file, line.number, row));
  };
  for (const TextLine& line : lines) add_or_note(problems, [&] { add_line(line); });
  return sources;
}

}  // namespace

std::vector<Source> list_manifest(const fs::path& manifest, Problems* problems) {
  const std::string ending = manifest.extension().string();
  if (ending != ".csv" && ending != ".jsonl") {
    throw std::runtime_error(fmt::format("{}: expected a manifest ending in .csv or .jsonl", manifest.string()));
  }
  const std::vector<TextLine> lines = read_lines(manifest);
  std::vector<Source> sources =
      ending == ".csv" ? read_csv(manifest, lines, problems) : read_jsonl(manifest, lines, problems);
  if (sources.empty() && (!problems || problems->empty()))
    throw std::runtime_error(fmt::format("{}: expected clips, found none", manifest.string()));
  return sources;
}

}  // namespace avsr::data_scripts
