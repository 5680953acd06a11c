#include "io/subtitles.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace avsr::io {

namespace {

struct Caption {
  std::string text;
  double start_seconds = 0, end_seconds = 0;
  int words = 0;
};

std::vector<Caption> to_captions(const std::vector<TimedWord>& words, const SubtitleOptions& options) {
  std::vector<Caption> captions;
  for (const TimedWord& word : words) {
    const bool joins = !captions.empty() && captions.back().words < options.max_words &&
                       word.start_seconds - captions.back().end_seconds <= options.max_gap_seconds &&
                       word.end_seconds - captions.back().start_seconds <= options.max_caption_seconds;
    if (!joins) {
      // Overlapping words in two captions would make the captions overlap, which players dislike.
      if (!captions.empty())
        captions.back().end_seconds =
            std::min(captions.back().end_seconds, std::max(word.start_seconds, captions.back().start_seconds));
      captions.push_back({word.text, word.start_seconds, word.end_seconds, 1});
      continue;
    }
    Caption& caption = captions.back();
    caption.text += " " + word.text;
    caption.end_seconds = std::max(caption.end_seconds, word.end_seconds);
    ++caption.words;
  }
  return captions;
}

std::string clock(double seconds, char decimal_mark) {
  const int64_t ms = std::llround(std::max(seconds, 0.0) * 1000);
  return fmt::format("{:02}:{:02}:{:02}{}{:03}", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, decimal_mark,
                     ms % 1000);
}

// WebVTT reads < and & as markup, and --> as a time line.
std::string escape_vtt(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '&')
      escaped += "&amp;";
    else if (c == '<')
      escaped += "&lt;";
    else if (c == '>')
      escaped += "&gt;";
    else
      escaped += c;
  }
  return escaped;
}

}  // namespace

std::string to_txt(const std::vector<TimedWord>& words, const SubtitleOptions& options) {
  std::string text;
  for (const Caption& caption : to_captions(words, options)) text += caption.text + "\n";
  return text;
}

std::string to_srt(const std::vector<TimedWord>& words, const SubtitleOptions& options) {
  std::string text;
  int number = 0;
  for (const Caption& caption : to_captions(words, options)) {
    text += fmt::format("{}\n{} --> {}\n{}\n\n", ++number, clock(caption.start_seconds, ','),
                        clock(caption.end_seconds, ','), caption.text);
  }
  return text;
}

std::string to_vtt(const std::vector<TimedWord>& words, const SubtitleOptions& options) {
  std::string text = "WEBVTT\n\n";
  for (const Caption& caption : to_captions(words, options)) {
    text += fmt::format("{} --> {}\n{}\n\n", clock(caption.start_seconds, '.'), clock(caption.end_seconds, '.'),
                        escape_vtt(caption.text));
  }
  return text;
}

}  // namespace avsr::io
