#include "pipeline/batch/formats.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "io/text_grid.h"
#include "pipeline/batch/json_text.h"

namespace avsr::pipeline {
namespace {

// Two faces speak at the same time, and the intervals of a tier cannot: each face has tiers of its own.
std::string text_grid_of(const Transcript& transcript, const io::SubtitleOptions& options) {
  std::map<int, std::vector<io::TimedWord>> words, segments;
  words[kNoFace];
  for (const SpokenWord& spoken : transcript.words)
    if (!spoken.unknown) words[spoken.face].push_back(spoken.word);
  for (const Segment& segment : transcript.segments)
    segments[segment.face].push_back({segment.text, segment.start_seconds, segment.end_seconds, 1});
  if (words.size() > 1 && words[kNoFace].empty()) words.erase(kNoFace);
  std::vector<io::IntervalTier> tiers;
  for (const auto& [face, said] : words) {
    const std::string of = face == kNoFace ? "" : fmt::format(" (face {})", face);
    tiers.push_back({fmt::format("words{}", of), io::one_after_the_other(said)});
    std::vector<io::TimedText> spans = io::one_after_the_other(segments[face]);
    tiers.push_back({fmt::format("segments{}", of), spans.empty() ? io::captions_of(said, options) : spans});
  }
  return io::to_text_grid(tiers, transcript.seconds());
}

// What is shown as text: the words, or, where several faces spoke, the captions of each, which say whose they are.
struct Shown {
  std::vector<io::TimedWord> words;
  io::SubtitleOptions options;
};

Shown shown(const Transcript& transcript, const io::SubtitleOptions& options) {
  std::map<int, std::vector<io::TimedWord>> said;
  for (const SpokenWord& spoken : transcript.words)
    if (!spoken.unknown) said[spoken.face].push_back(spoken.word);
  if (said.size() < 2) return {transcript.known_words(), options};
  Shown all{{}, options};
  all.options.max_words = 1;  // a caption is a word by now
  for (const auto& [face, words] : said)
    for (const io::TimedText& caption : io::captions_of(words, options))
      all.words.push_back({face == kNoFace ? caption.text : fmt::format("face {}: {}", face, caption.text),
                           static_cast<double>(caption.start_ms) / 1000, static_cast<double>(caption.end_ms) / 1000,
                           1});
  std::stable_sort(all.words.begin(), all.words.end(),
                   [](const io::TimedWord& a, const io::TimedWord& b) { return a.start_seconds < b.start_seconds; });
  return all;
}

template <std::string (*write)(const std::vector<io::TimedWord>&, const io::SubtitleOptions&)>
std::string text_of(const Transcript& transcript, const io::SubtitleOptions& options) {
  const Shown all = shown(transcript, options);
  return write(all.words, all.options);
}

template <typename Item>
std::string json_list(const std::vector<Item>& items) {
  if (items.empty()) return "[]";
  std::string list = "[";
  for (const Item& item : items) {
    std::string text = json_text(to_json(item));
    text.pop_back();
    list += &item == items.data() ? "\n    " : ",\n    ";
    for (const char c : text) list += c == '\n' ? "\n    " : std::string(1, c);
  }
  return list + "\n  ]";
}

// The same as json_text(to_json(transcript)), without holding all of it as a tree: that of an hour's words takes many
// times the room of its text.
std::string json_of(const Transcript& transcript, const io::SubtitleOptions&) {
  Transcript head = {};
  head.media = transcript.media;
  head.models = transcript.models;
  head.frames = transcript.frames;
  head.frames_without_face = transcript.frames_without_face;
  head.audio_offset_seconds = transcript.audio_offset_seconds;
  std::string text = json_text(to_json(head));
  const auto fill = [&text](std::string_view key, const std::string& list) {
    const std::string empty = fmt::format("\n  \"{}\": []", key);  // at a line's start: no text has such in it
    text.replace(text.find(empty) + empty.size() - 2, 2, list);
  };
  fill("segments", json_list(transcript.segments));
  fill("words", json_list(transcript.words));
  return text;
}

}  // namespace

std::span<const TextFormat> text_formats() {
  static const std::vector<TextFormat> formats{
      {"txt", ".txt", text_of<io::to_txt>}, {"srt", ".srt", text_of<io::to_srt>},
      {"vtt", ".vtt", text_of<io::to_vtt>}, {"tsv", ".tsv", text_of<io::to_tsv>},
      {"json", ".json", json_of},           {"textgrid", ".TextGrid", text_grid_of},
  };
  return formats;
}

const TextFormat& text_format(const std::string& name) {
  std::vector<std::string> known;
  for (const TextFormat& format : text_formats()) {
    if (format.name == name) return format;
    known.push_back(format.name);
  }
  throw std::invalid_argument(
      fmt::format("--format: there is no '{}'; the formats are {}", name, fmt::join(known, ", ")));
}

}  // namespace avsr::pipeline
