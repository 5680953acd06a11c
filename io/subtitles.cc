#include "io/subtitles.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

namespace avsr::io {

namespace {

// A blank for every run of white space and control characters, none at the ends.
std::string one_line(const std::string& text) {
  std::string line;
  for (const char c : text) {
    const bool blank = static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
    if (!blank)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  if (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

int64_t to_ms(double seconds) { return std::llround(std::max(seconds, 0.0) * 1000); }

std::string clock(int64_t ms, char decimal_mark) {
  return fmt::format("{:02}:{:02}:{:02}{}{:03}", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, decimal_mark,
                     ms % 1000);
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

// WebVTT reads < and & as markup, and --> as a time line.
std::string escape_vtt(const std::string& text) {
  return replaced(replaced(replaced(text, "&", "&amp;"), "<", "&lt;"), ">", "&gt;");
}

// SubRip has no way to write its time line's arrow inside a text.
std::string escape_srt(const std::string& text) { return replaced(text, "-->", "->"); }

}  // namespace

std::vector<TimedText> one_after_the_other(const std::vector<TimedWord>& words) {
  std::vector<TimedText> texts;
  for (const TimedWord& word : words) {
    const int64_t start = to_ms(word.start_seconds);
    std::string line = one_line(word.text);
    if (!line.empty()) texts.push_back({std::move(line), start, std::max(start + 1, to_ms(word.end_seconds))});
  }
  std::stable_sort(texts.begin(), texts.end(),
                   [](const TimedText& a, const TimedText& b) { return a.start_ms < b.start_ms; });
  std::vector<TimedText> apart;
  for (TimedText& text : texts) {
    if (!apart.empty() && apart.back().start_ms == text.start_ms) {
      apart.back().text += " " + text.text;
      apart.back().end_ms = std::max(apart.back().end_ms, text.end_ms);
      continue;
    }
    if (!apart.empty()) apart.back().end_ms = std::min(apart.back().end_ms, text.start_ms);
    apart.push_back(std::move(text));
  }
  return apart;
}

std::vector<TimedText> captions_of(const std::vector<TimedWord>& words, const SubtitleOptions& options) {
  std::vector<TimedWord> captions;
  int count = 0;  // words of the last one
  for (const TimedWord& word : words) {
    const bool joins = !captions.empty() && count < options.max_words &&
                       word.start_seconds - captions.back().end_seconds <= options.max_gap_seconds &&
                       word.end_seconds - captions.back().start_seconds <= options.max_caption_seconds;
    if (!joins) {
      captions.push_back(word);
      count = 1;
      continue;
    }
    TimedWord& caption = captions.back();
    caption.text += " " + word.text;
    caption.end_seconds = std::max(caption.end_seconds, word.end_seconds);
    ++count;
  }
  return one_after_the_other(captions);
}

std::string to_txt(const std::vector<TimedWord>& words, const SubtitleOptions& options) {
  std::string text;
  for (const TimedText& caption : captions_of(words, options)) text += caption.text + "\n";
  return text;
}

std::string to_srt(const std::vector<TimedWord>& words, const SubtitleOptions& options) {
  std::string text;
  int number = 0;
  for (const TimedText& caption : captions_of(words, options))
    text += fmt::format("{}\n{} --> {}\n{}\n\n", ++number, clock(caption.start_ms, ','), clock(caption.end_ms, ','),
                        escape_srt(caption.text));
  return text;
}

std::string to_vtt(const std::vector<TimedWord>& words, const SubtitleOptions& options) {
  std::string text = "WEBVTT\n\n";
  for (const TimedText& caption : captions_of(words, options))
    text += fmt::format("{} --> {}\n{}\n\n", clock(caption.start_ms, '.'), clock(caption.end_ms, '.'),
                        escape_vtt(caption.text));
  return text;
}

std::string to_tsv(const std::vector<TimedWord>& words, const SubtitleOptions& options) {
  std::string text = "start\tend\ttext\n";
  for (const TimedText& caption : captions_of(words, options))
    text += fmt::format("{}\t{}\t{}\n", caption.start_ms, caption.end_ms, caption.text);
  return text;
}

}  // namespace avsr::io
