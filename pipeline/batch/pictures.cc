#include "pipeline/batch/pictures.h"

#include <algorithm>
#include <cmath>

#include "io/atomic_file.h"
#include "io/video_rewriter.h"
#include "pipeline/batch/page.h"
#include "preprocessing/overlay.h"

namespace avsr::pipeline {
namespace {

constexpr int kMostCrops = 240;      // of a page's strip
constexpr int kPageVideoSide = 640;  // longest side of the copy beside a page
constexpr int kPageVideoQuality = 28;

// What is said at a time, looked up in rising order of time.
class Said {
 public:
  explicit Said(const Transcript& transcript) : words_(transcript.known_words()), captions_(io::captions_of(words_)) {}

  void at(double seconds, preprocessing::Overlay& overlay) {
    const int64_t ms = std::llround(seconds * 1000);
    while (caption_ < captions_.size() && captions_[caption_].end_ms <= ms) ++caption_;
    if (caption_ < captions_.size() && captions_[caption_].start_ms <= ms) overlay.caption = captions_[caption_].text;
    while (word_ < words_.size() && words_[word_].end_seconds <= seconds) ++word_;
    if (word_ == words_.size() || words_[word_].start_seconds > seconds) return;
    overlay.word = words_[word_].text;
    overlay.confidence = words_[word_].confidence;
  }

 private:
  std::vector<io::TimedWord> words_;
  std::vector<io::TimedText> captions_;
  size_t caption_ = 0, word_ = 0;
};

void write_overlay(const Transcript& transcript, const MouthPath& mouth, const std::string& to) {
  Said said(transcript);
  io::rewrite_video(transcript.media.path, to, {}, [&](int64_t frame, uint8_t* bgr, int height, int width) {
    preprocessing::Overlay overlay;
    overlay.crop_size = mouth.crop_size;
    if (const auto at = static_cast<size_t>(frame); at < mouth.poses.size()) overlay.mouth = mouth.poses[at];
    said.at((static_cast<double>(frame) + 0.5) / io::kFramesPerSecond, overlay);
    preprocessing::draw_overlay(bgr, height, width, overlay);
  });
}

}  // namespace

std::vector<std::string> draw_pictures(const Transcript& transcript, const std::string& stem,
                                       const PictureSettings& settings) {
  const io::MediaInfo& media = transcript.media;
  std::vector<std::string> endings;
  MouthPath mouth;
  if (media.has_video && settings.crop)
    mouth = follow_mouth(media.path, *settings.crop, settings.face_model, kMostCrops);
  if (settings.overlay && media.has_video) {
    endings.emplace_back(".overlay.mp4");
    write_overlay(transcript, mouth, stem + endings.back());
  }
  if (!settings.page) return endings;
  std::string shown = media.path;
  if (media.has_video && !browsers_play(media)) {
    endings.emplace_back(".page.mp4");
    shown = stem + endings.back();
    io::rewrite_video(media.path, shown, {kPageVideoSide, kPageVideoQuality}, {});
  }
  endings.emplace_back(".html");
  const std::string page = stem + endings.back();
  io::write_file_atomically(page, transcript_page(transcript, mouth, relative_url(shown, page)));
  return endings;
}

}  // namespace avsr::pipeline
