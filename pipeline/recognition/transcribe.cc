#include "pipeline/recognition/transcribe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "preprocessing/mouth_stream.h"

namespace avsr::pipeline {
namespace {

// Crops leave the tracker a little after their sound was read; this holds the sound until its frames come.
class StreamJoiner {
 public:
  StreamJoiner(SlidingWindows& windows, bool audio) : windows_(windows), audio_(audio) {}

  void push_sound(const io::Waveform& wave) {
    if (audio_) samples_.insert(samples_.end(), wave.samples.begin(), wave.samples.end());
  }
  void push_crop(const uint8_t* crop, int height, int width, bool face) {
    mouth_.height = height;
    mouth_.width = width;
    mouth_.pixels.insert(mouth_.pixels.end(), crop, crop + mouth_.frame_size());
    faces_.push_back(face ? 1 : 0);
    ++mouth_.count;
    faceless_ += face ? 0 : 1;
  }
  void push_frames_without_crops(int frames) { mouth_.count += frames; }

  // Hands over the frames whose sound is here too.
  void flush() {
    const int frames = mouth_.count;
    if (frames == 0) return;
    const size_t samples = audio_ ? static_cast<size_t>(frames) * io::kSamplesPerFrame : 0;
    if (audio_ && samples_.size() < samples) samples_.resize(samples, 0.f);  // the last frame's sound may be cut short
    windows_.push(frames, mouth_, faces_, std::span(samples_).first(samples));
    samples_.erase(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(samples));
    mouth_ = {};
    faces_.clear();
  }
  size_t waiting_samples() const { return samples_.size(); }
  int64_t faceless() const { return faceless_; }

 private:
  SlidingWindows& windows_;
  bool audio_;
  io::Frames mouth_;
  std::vector<uint8_t> faces_;
  std::vector<float> samples_;
  int64_t faceless_ = 0;
};

// Turns chunks of frames into crops by the model's own rule.
class Cropper {
 public:
  Cropper(const CropRule& rule, const std::shared_ptr<const preprocessing::FaceModel>& face_model, StreamJoiner& joiner)
      : rule_(rule), joiner_(joiner) {
    if (!rule.needs_face_model()) return;
    if (!face_model) throw std::invalid_argument("[transcribe] the model was trained on tracked crops: no face model");
    const int size = rule.tracked.size;
    stream_.emplace(face_model, rule.tracked, [this, size](preprocessing::MouthFrame&& frame) {
      joiner_.push_crop(frame.crop.data(), size, size, frame.face);
    });
  }
  void push(const io::Frames& frames) {
    if (stream_) {
      for (int t = 0; t < frames.count; ++t) stream_->push(frames.frame(t), frames.height, frames.width);
      return;
    }
    const preprocessing::MouthClip clip = preprocessing::crop_fixed(frames, rule_.box);
    for (int t = 0; t < clip.mouth.count; ++t)
      joiner_.push_crop(clip.mouth.frame(t), clip.mouth.height, clip.mouth.width, true);
  }
  void finish() {
    if (stream_) stream_->finish();
  }

 private:
  CropRule rule_;
  StreamJoiner& joiner_;
  std::optional<preprocessing::MouthStream> stream_;
};

void require_streams(const io::MediaInfo& info, const WindowSettings& wanted, const std::string& model) {
  if (wanted.video && !info.has_video)
    throw std::runtime_error(
        fmt::format("{}: has no video track, which the model {} needs; use an audio model for it", info.path, model));
  if (wanted.audio && !info.has_audio)
    throw std::runtime_error(
        fmt::format("{}: has no audio track, which the model {} needs; use a video model for it", info.path, model));
}

void require_frame_size(const io::MediaInfo& info, const CropRule& rule, const std::string& model) {
  if (rule.fits(info.height, info.width)) return;
  throw std::runtime_error(
      fmt::format("{}: expected frames of {} x {} (H x W), found {} x {}: the model {} finds the mouth by a fixed box "
                  "in such frames; "
                  "cut the face out at that size as its corpus does, or use a model of tracked crops",
                  info.path, rule.source_height, rule.source_width, info.height, info.width, model));
}

}  // namespace

Transcript transcribe_file(Recognizer& recognizer, const std::shared_ptr<const preprocessing::FaceModel>& face_model,
                           const std::string& path, const TranscribeSettings& settings,
                           const std::function<void(int64_t done, int64_t expected)>& tick) {
  const WindowSettings wanted = window_settings(recognizer, settings.hop_frames);
  SlidingWindows windows(wanted, [&](const std::vector<Stretch>& batch) { return recognizer.probabilities(batch); });
  io::MediaReader reader = io::MediaReader::open(
      path, {.video = wanted.video, .audio = wanted.audio, .allow_damaged = settings.allow_damaged});
  require_streams(reader.info(), wanted, recognizer.path());

  StreamJoiner joiner(windows, wanted.audio);
  std::optional<Cropper> cropper;
  if (wanted.video) {
    const CropRule rule = crop_rule_from_json(recognizer.rule().crop);
    require_frame_size(reader.info(), rule, recognizer.path());
    cropper.emplace(rule, face_model, joiner);
  }
  io::MediaChunk chunk;
  while (reader.next_chunk(chunk)) {
    joiner.push_sound(chunk.audio);
    if (wanted.video)
      cropper->push(chunk.frames);
    else
      joiner.push_frames_without_crops(static_cast<int>(joiner.waiting_samples() / io::kSamplesPerFrame));
    joiner.flush();
    if (tick) tick(windows.frames(), std::llround(reader.info().duration_seconds * io::kFramesPerSecond));
  }
  if (cropper) cropper->finish();
  joiner.flush();
  windows.finish();

  Transcript transcript;
  transcript.words = words_of(windows, recognizer.labels(), settings.decoding, settings.top);
  for (SpokenWord& spoken : transcript.words) spoken.heard_by = recognizer.streams();
  nlohmann::json decoding = to_json(settings.decoding);
  decoding["hop_frames"] = settings.hop_frames;
  transcript.models.push_back({recognizer.path(), recognizer.streams(), std::move(decoding)});
  transcript.frames = windows.frames();
  transcript.frames_without_face = joiner.faceless();
  transcript.media = reader.info();
  return transcript;
}

}  // namespace avsr::pipeline
