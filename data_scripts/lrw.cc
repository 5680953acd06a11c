#include "data_scripts/lrw.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "data_scripts/text_lines.h"

namespace avsr::data_scripts {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSplits[] = {"train", "val", "test"};

std::vector<fs::path> sorted_children(const fs::path& folder) {
  std::vector<fs::path> children;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) children.push_back(entry.path());
  std::sort(children.begin(), children.end());
  return children;
}

Source make_source(const fs::path& media, const std::string& word, const std::string& split) {
  Source source;
  // The split is part of the key: LRW numbers the clips of each split from 1.
  source.key = key_from(split + "_" + media.stem().string());
  source.media_path = media;
  source.split = split;
  source.label = word;
  fs::path text = media;
  text.replace_extension(".txt");
  if (!fs::exists(text)) return source;
  const LrwText known = read_lrw_text(text);
  source.speaker = known.speaker;
  if (known.duration_seconds > 0) {
    source.words.push_back({word, std::max(0.0, (kLrwClipSeconds - known.duration_seconds) / 2),
                            std::min(kLrwClipSeconds, (kLrwClipSeconds + known.duration_seconds) / 2)});
  }
  return source;
}

}  // namespace

LrwText read_lrw_text(const fs::path& path) {
  LrwText known;
  for (const TextLine& line : read_lines(path)) {
    const size_t colon = line.text.find(':');
    if (colon == std::string::npos) continue;
    const std::string name = trimmed(line.text.substr(0, colon)), value = trimmed(line.text.substr(colon + 1));
    if (name == "Speaker") known.speaker = value;
    if (name != "Duration") continue;
    std::istringstream stream(value);
    std::string number, unit;
    stream >> number >> unit;
    known.duration_seconds = number_at(path, line.number, "'Duration: <seconds> seconds'", number);
    if (known.duration_seconds <= 0) fail_at(path, line.number, "a duration above 0 seconds", number);
  }
  return known;
}

bool looks_like_lrw(const fs::path& root) {
  if (!fs::is_directory(root)) return false;
  for (const fs::directory_entry& word : fs::directory_iterator(root)) {
    if (!word.is_directory()) continue;
    for (const char* split : kSplits) {
      if (fs::is_directory(word.path() / split)) return true;
    }
  }
  return false;
}

std::vector<Source> list_lrw(const fs::path& root, Problems* problems) {
  if (!fs::is_directory(root)) {
    throw std::runtime_error(fmt::format("{}: expected a folder of LRW layout, found a file", root.string()));
  }
  std::vector<Source> sources;
  for (const fs::path& word : sorted_children(root)) {
    if (!fs::is_directory(word)) continue;
    for (const char* split : kSplits) {
      if (!fs::is_directory(word / split)) continue;
      for (const fs::path& media : sorted_children(word / split)) {
        if (media.extension() != ".mp4") continue;
        add_or_note(problems, [&] { sources.push_back(make_source(media, word.filename().string(), split)); });
      }
    }
  }
  if (sources.empty() && (!problems || problems->empty())) {
    throw std::runtime_error(
        fmt::format("{}: expected clips <WORD>/{{train,val,test}}/<WORD>_00001.mp4, found none", root.string()));
  }
  return sources;
}

}  // namespace avsr::data_scripts
