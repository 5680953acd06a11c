// Recognised words with their times as plain text, SubRip and WebVTT.
#pragma once

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

// Words in order of time. An empty list gives a valid file without captions. Times of captions never overlap.
std::string to_txt(const std::vector<TimedWord>& words, const SubtitleOptions& options = {});
std::string to_srt(const std::vector<TimedWord>& words, const SubtitleOptions& options = {});
std::string to_vtt(const std::vector<TimedWord>& words, const SubtitleOptions& options = {});

}  // namespace avsr::io
