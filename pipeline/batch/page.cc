#include "pipeline/batch/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "io/data_uri.h"
#include "io/image_file.h"
#include "io/subtitles.h"
#include "pipeline/html_page.h"
#include "pipeline/progress.h"

namespace avsr::pipeline {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr double kUnsure = 0.5;  // words below this are marked beyond their shade
constexpr int kStripQuality = 80;

template <typename Bytes>
std::string data_uri(std::string_view type, const Bytes& bytes) {
  return fmt::format("data:{};base64,{}", type,
                     io::base64(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size())));
}

json word_of(const SpokenWord& spoken) {
  const io::TimedWord& word = spoken.word;
  std::string tip =
      fmt::format("{:.2f} to {:.2f} s, confidence {:.2f}", word.start_seconds, word.end_seconds, word.confidence);
  for (size_t i = 1; i < spoken.alternatives.size(); ++i)
    tip +=
        fmt::format("{} {} {:.2f}", i == 1 ? "; or" : ",", spoken.alternatives[i].first, spoken.alternatives[i].second);
  return {{"text", word.text},
          {"start", fmt::format("{:.3f}", word.start_seconds)},
          {"end", fmt::format("{:.3f}", word.end_seconds)},
          {"shade", fmt::format("{:.2f}", spoken.unknown ? 0. : std::clamp(word.confidence, 0., 1.))},
          {"unknown", spoken.unknown},
          {"unsure", !spoken.unknown && word.confidence < kUnsure},
          {"tip", tip}};
}

// Lines of words as captions cut them: by silence and by length.
json lines_of(const Transcript& transcript) {
  const io::SubtitleOptions options;
  json lines = json::array();
  double line_start = 0, end = 0;
  for (const SpokenWord& spoken : transcript.words) {
    const io::TimedWord& word = spoken.word;
    const bool joins = !lines.empty() && word.start_seconds - end <= options.max_gap_seconds &&
                       word.end_seconds - line_start <= 2 * options.max_caption_seconds;
    if (!joins) {
      line_start = word.start_seconds;
      lines.push_back({{"at", duration_text(word.start_seconds)}, {"words", json::array()}});
    }
    lines.back()["words"].push_back(word_of(spoken));
    end = std::max(joins ? end : 0., word.end_seconds);
  }
  return lines;
}

json strip_of(const MouthPath& mouth) {
  json strip = json::array();
  for (int i = 0; i < mouth.crops.count; ++i) {
    const double seconds = static_cast<double>(mouth.crop_frames[static_cast<size_t>(i)]) / io::kFramesPerSecond;
    strip.push_back({{"start", fmt::format("{:.3f}", seconds)},
                     {"at", fmt::format("{:.2f} s", seconds)},
                     {"picture", data_uri("image/jpeg", io::encode_grey_jpeg(mouth.crops.frame(i), mouth.crops.height,
                                                                             mouth.crops.width, kStripQuality))}});
  }
  return strip;
}

json facts_of(const Transcript& transcript) {
  const io::MediaInfo& media = transcript.media;
  json facts = json::array();
  const auto add = [&](const char* name, const std::string& value) {
    facts.push_back({{"name", name}, {"value", value}});
  };
  add("file", media.path);
  add("length", fmt::format("{:.2f} s", transcript.seconds()));
  if (media.has_video)
    add("picture", fmt::format("{} {}x{}, {:.4g} frames a second", media.video_codec, media.width, media.height,
                               media.source_fps));
  if (media.has_audio) add("sound", fmt::format("{} {} Hz", media.audio_codec, media.audio_rate));
  for (const UsedModel& model : transcript.models)
    add("model", fmt::format("{} ({})", model.path, name_of(model.streams)));
  if (transcript.frames_without_face > 0)
    add("frames without a face", fmt::format("{} of {}", transcript.frames_without_face, transcript.frames));
  for (const std::string& note : media.notes) add("note", note);
  return facts;
}

}  // namespace

bool browsers_play(const io::MediaInfo& media) {
  static const std::set<std::string> mp4_video{"h264", "av1", "vp9"}, webm_video{"vp8", "vp9", "av1"};
  static const std::set<std::string> mp4_sound{"aac", "mp3", "opus", "flac"}, webm_sound{"opus", "vorbis"};
  static const std::set<std::string> depth{"yuv420p", "yuvj420p", ""};
  const bool mp4 = media.format.find("mp4") != std::string::npos;
  const bool webm = fs::path(media.path).extension() == ".webm";
  if (!media.has_video) return true;  // sound: what FFmpeg reads is nearly always played
  if (!mp4 && !webm) return false;
  const auto& video = mp4 ? mp4_video : webm_video;
  const auto& sound = mp4 ? mp4_sound : webm_sound;
  return video.contains(media.video_codec) && (!media.has_audio || sound.contains(media.audio_codec)) &&
         depth.contains(media.pixel_format);
}

std::string relative_url(const std::string& file, const std::string& page) {
  const fs::path to = fs::weakly_canonical(file), from = fs::weakly_canonical(page).parent_path();
  std::string url;
  for (const char c : to.lexically_relative(from).string()) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = std::isalnum(byte) || std::string_view("-._~/").find(c) != std::string_view::npos;
    url += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return url;
}

std::string transcript_page(const Transcript& transcript, const MouthPath& mouth, const std::string& url) {
  const json strip = strip_of(mouth);
  return html_page("transcript", {{"title", fs::path(transcript.media.path).filename().string()},
                                  {"video", transcript.media.has_video},
                                  {"source", url},
                                  {"captions", data_uri("text/vtt", io::to_vtt(transcript.known_words()))},
                                  {"lines", lines_of(transcript)},
                                  {"silent", transcript.words.empty()},
                                  {"shows_strip", !strip.empty()},
                                  {"strip", strip},
                                  {"facts", facts_of(transcript)}});
}

}  // namespace avsr::pipeline
