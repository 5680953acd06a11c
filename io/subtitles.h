// Recognised words with their times as plain text, SubRip, WebVTT and a table.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace avsr::io {

struct TimedWord {
  std::string text;
  double start_seconds = 0, end_seconds = 0;  // from the start of the file
  double confidence = 0;                      // 0..1
};

struct SubtitleOptions {
  double max_gap_seconds = 1.0;  // a longer silence starts a new caption (line, in txt)
  double max_caption_seconds = 5.0;
  int max_words = 8;  // of a caption
};

// What is shown during [start_ms, end_ms).
struct TimedText {
  std::string text;  // one line
  int64_t start_ms = 0, end_ms = 0;
};

// In order of their starts, none overlapping the next, each at least 1 ms long: a word is cut where the next one
// begins, and words that begin in the same millisecond become one text. White space inside a text becomes a blank.
std::vector<TimedText> one_after_the_other(const std::vector<TimedWord>& words);
// Words in order of time, joined to captions of which the same holds.
std::vector<TimedText> captions_of(const std::vector<TimedWord>& words, const SubtitleOptions& options = {});

// Words in order of time. An empty list gives a valid file without captions. Times of captions never overlap.
std::string to_txt(const std::vector<TimedWord>& words, const SubtitleOptions& options = {});
std::string to_srt(const std::vector<TimedWord>& words, const SubtitleOptions& options = {});
std::string to_vtt(const std::vector<TimedWord>& words, const SubtitleOptions& options = {});
// As whisper writes it: a heading, then start and end in milliseconds and the text, between tabs.
std::string to_tsv(const std::vector<TimedWord>& words, const SubtitleOptions& options = {});

}  // namespace avsr::io
