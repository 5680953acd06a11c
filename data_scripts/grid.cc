#include "data_scripts/grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "data_scripts/grid_split.h"
#include "data_scripts/text_lines.h"

namespace avsr::data_scripts {
namespace fs = std::filesystem;
namespace {

constexpr const char* kMediaEndings[] = {".mp4", ".mpg", ".avi"};
constexpr const char* kOthers = "other_speakers";

bool is_speaker_folder(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.size() > 1 && name[0] == 's' &&
         std::all_of(name.begin() + 1, name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<fs::path> find_media(const fs::path& stem) {
  for (const char* ending : kMediaEndings) {
    const fs::path media = stem.string() + ending;
    if (fs::exists(media)) return media;
  }
  return std::nullopt;
}

// The .align of a sentence lies beside it, or, as the public corpus is packed, in <root>/alignments/<speaker>/.
fs::path find_align(const fs::path& root, const std::string& speaker, const fs::path& media) {
  fs::path beside = media;
  beside.replace_extension(".align");
  if (fs::exists(beside)) return beside;
  const fs::path apart = root / "alignments" / speaker / beside.filename();
  if (fs::exists(apart)) return apart;
  throw std::runtime_error(fmt::format("{}: expected its word times in {} or {}, found neither", media.string(),
                                       beside.string(), apart.string()));
}

Source make_source(const fs::path& root, const fs::path& media, const std::string& speaker, const std::string& id,
                   const std::string& split) {
  Source source;
  source.key = key_from(speaker + "_" + id);
  source.media_path = media;
  source.split = split;
  source.speaker = speaker;
  source.words = read_align(find_align(root, speaker, media));
  return source;
}

// Adds the sentences of one split list. `own`: the list is the corpus' own, so nothing on it may be absent.
void add_listed(const fs::path& root, const std::string& split, const fs::path& list,
                const std::vector<TextLine>& lines, bool own, Problems* problems, std::vector<Source>& sources) {
  const auto add_line = [&](const TextLine& line) {
    const std::string entry = trimmed(line.text);
    if (entry.empty()) return;
    const size_t slash = entry.find('/');
    if (slash == std::string::npos || slash == 0 || slash + 1 == entry.size()) {
      fail_at(list, line.number, "'<speaker>/<id>'", fmt::format("'{}'", entry));
    }
    const std::string speaker = entry.substr(0, slash), id = entry.substr(slash + 1);
    const std::optional<fs::path> media = find_media(root / speaker / id);
    if (media) {
      sources.push_back(make_source(root, *media, speaker, id, split));
    } else if (own) {
      fail_at(list, line.number, fmt::format("a video {}.mp4, .mpg or .avi", (root / entry).string()), "no such file");
    }
  };
  for (const TextLine& line : lines) add_or_note(problems, [&] { add_line(line); });
}

void add_others(const fs::path& root, Problems* problems, std::vector<Source>& sources) {
  if (!fs::is_directory(root / kOthers)) return;
  for (const fs::directory_entry& entry : fs::directory_iterator(root / kOthers)) {
    const fs::path& media = entry.path();
    if (std::find(std::begin(kMediaEndings), std::end(kMediaEndings), media.extension()) == std::end(kMediaEndings)) {
      continue;
    }
    const std::string name = media.stem().string();
    const size_t bar = name.find('_');
    add_or_note(problems, [&] {
      if (bar == std::string::npos)
        throw std::runtime_error(fmt::format("{}: expected a name <speaker>_<id>", media.string()));
      sources.push_back(make_source(root, media, name.substr(0, bar), name.substr(bar + 1), "other"));
    });
  }
}

}  // namespace

std::vector<io::Word> read_align(const fs::path& path) {
  std::vector<io::Word> words;
  double last = 0;
  for (const TextLine& line : read_lines(path)) {
    if (trimmed(line.text).empty()) continue;
    std::istringstream stream(line.text);
    std::string start_text, end_text, word, rest;
    stream >> start_text >> end_text >> word;
    if (word.empty() || stream >> rest) {
      fail_at(path, line.number, "'start end word'", fmt::format("'{}'", line.text));
    }
    const double start = number_at(path, line.number, "a start time in 1/25000 s", start_text);
    const double end = number_at(path, line.number, "an end time in 1/25000 s", end_text);
    if (start < last || end < start) {
      fail_at(path, line.number, fmt::format("times that rise from {}", last), fmt::format("'{}'", line.text));
    }
    last = end;
    if (word != "sil" && word != "sp") words.push_back({word, start / kGridTicksPerSecond, end / kGridTicksPerSecond});
  }
  if (words.empty()) throw std::runtime_error(fmt::format("{}: expected words, found none", path.string()));
  return words;
}

bool looks_like_grid(const fs::path& root) {
  if (!fs::is_directory(root)) return false;
  for (const fs::directory_entry& entry : fs::directory_iterator(root)) {
    if (!entry.is_directory() || !is_speaker_folder(entry.path())) continue;
    if (fs::is_directory(root / "alignments" / entry.path().filename())) return true;
    for (const fs::directory_entry& file : fs::directory_iterator(entry.path())) {
      if (file.path().extension() == ".align") return true;
    }
  }
  return false;
}

std::vector<Source> list_grid(const fs::path& root, Problems* problems) {
  if (!fs::is_directory(root)) {
    throw std::runtime_error(fmt::format("{}: expected a folder of GRID layout, found a file", root.string()));
  }
  std::vector<Source> sources;
  const bool own = fs::exists(root / "train.txt") || fs::exists(root / "test.txt");
  for (const char* split : {"train", "val", "test"}) {
    const fs::path list = root / fmt::format("{}.txt", split);
    if (own && !fs::exists(list)) continue;
    add_listed(root, split, own ? list : fs::path(fmt::format("built-in {}.txt", split)),
               own ? read_lines(list) : split_lines(grid_split(split)), own, problems, sources);
  }
  if (sources.empty() && (!problems || problems->empty())) {
    throw std::runtime_error(
        fmt::format("{}: expected the sentences named in {}, found none of them", root.string(),
                    own ? "its train.txt, val.txt and test.txt" : "the built-in split of speaker s1"));
  }
  add_others(root, problems, sources);
  return sources;
}

}  // namespace avsr::data_scripts
