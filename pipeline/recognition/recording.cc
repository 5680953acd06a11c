#include "pipeline/recognition/recording.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

namespace avsr::pipeline {
namespace {

// Crops leave the tracker a little after their sound was read; this holds each until the other comes.
class StreamJoiner {
 public:
  StreamJoiner(Wanted wanted, const TakeFrames& take) : wanted_(wanted), take_(take) {}

  void push_sound(std::span<const float> samples) { samples_.insert(samples_.end(), samples.begin(), samples.end()); }
  void push_crop(const uint8_t* crop, int height, int width, bool face, int track = 0) {
    if (face && track > 0) see(track, summary_.frames + mouth_.count);
    mouth_.height = height;
    mouth_.width = width;
    mouth_.pixels.insert(mouth_.pixels.end(), crop, crop + mouth_.frame_size());
    faces_.push_back(face ? 1 : 0);
    ++mouth_.count;
    summary_.faceless += face ? 0 : 1;
  }
  // Hands over the frames of which all is here. At the end silence fills the sound of crops that have none left.
  void flush(bool at_end) {
    const auto whole = static_cast<int>(samples_.size() / io::kSamplesPerFrame);
    int frames = mouth_.count;
    if (!wanted_.video)
      frames = whole;
    else if (wanted_.audio && !at_end)
      frames = std::min(frames, whole);
    if (frames == 0) return;
    const size_t samples = wanted_.audio ? static_cast<size_t>(frames) * io::kSamplesPerFrame : 0;
    if (samples_.size() < samples) samples_.resize(samples, 0.f);
    const io::Frames mouth = take_crops(wanted_.video ? frames : 0);
    take_(frames, mouth, std::span(faces_).first(static_cast<size_t>(mouth.count)), std::span(samples_).first(samples));
    samples_.erase(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(samples));
    faces_.erase(faces_.begin(), faces_.begin() + mouth.count);
    summary_.frames += frames;
  }
  const RecordingSummary& summary() const { return summary_; }

 private:
  void see(int track, int64_t frame) {
    std::vector<SeenFace>& faces = summary_.faces;
    if (faces.empty() || faces.back().track != track || faces.back().end != frame)
      faces.push_back({track, frame, frame});
    faces.back().end = frame + 1;
  }
  io::Frames take_crops(int count) {
    io::Frames taken{count, mouth_.height, mouth_.width, {}};
    const auto end =
        mouth_.pixels.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(count) * mouth_.frame_size());
    taken.pixels.assign(mouth_.pixels.begin(), end);
    mouth_.pixels.erase(mouth_.pixels.begin(), end);
    mouth_.count -= count;
    return taken;
  }

  Wanted wanted_;
  const TakeFrames& take_;
  io::Frames mouth_;
  std::vector<uint8_t> faces_;
  std::vector<float> samples_;
  RecordingSummary summary_;
};

// The sound, moved to where it belongs.
class ShiftedSound {
 public:
  explicit ShiftedSound(double late_seconds) {
    const int64_t late = std::llround(late_seconds * io::kSampleRate);
    silence_ = static_cast<size_t>(std::max<int64_t>(-late, 0));
    skipped_ = static_cast<size_t>(std::max<int64_t>(late, 0));
  }
  // A view that lasts until the next call.
  std::span<const float> shifted(const std::vector<float>& samples) {
    const size_t skip = std::min(skipped_, samples.size());
    skipped_ -= skip;
    if (silence_ == 0) return std::span(samples).subspan(skip);
    first_.assign(silence_ + samples.size(), 0.f);
    std::copy(samples.begin(), samples.end(), first_.end() - static_cast<std::ptrdiff_t>(samples.size()));
    silence_ = 0;
    return first_;
  }

 private:
  std::vector<float> first_;          // the first samples, behind the silence
  size_t silence_ = 0, skipped_ = 0;  // samples still to be put before, to be left out
};

int64_t expected_frames(const io::MediaReader& reader) {
  return std::llround(reader.info().duration_seconds * io::kFramesPerSecond);
}

const std::shared_ptr<const preprocessing::FaceModel>& face_model_of(const RecordingSettings& settings) {
  if (!settings.face_model)
    throw std::invalid_argument("[transcribe] the model was trained on tracked crops: no face model");
  return settings.face_model;
}

// Turns chunks of frames into crops by the models' own rule.
class Cropper {
 public:
  Cropper(const RecordingSettings& settings, StreamJoiner& joiner) : rule_(settings.crop.value()), joiner_(joiner) {
    if (!rule_.needs_face_model()) return;
    const int size = rule_.tracked.size;
    const auto take = [this, size](preprocessing::MouthFrame&& frame) {
      joiner_.push_crop(frame.crop.data(), size, size, frame.face, frame.track);
    };
    source_ = preprocessing::make_mouth_source(settings.face, face_model_of(settings), rule_.tracked, take);
  }
  void push_sound(std::span<const float> samples) {
    if (source_) source_->push_sound(samples);
  }
  void push(const io::Frames& frames) {
    if (source_) {
      for (int t = 0; t < frames.count; ++t) source_->push(frames.frame(t), frames.height, frames.width);
      return;
    }
    const preprocessing::MouthClip clip = preprocessing::crop_fixed(frames, rule_.box);
    for (int t = 0; t < clip.mouth.count; ++t)
      joiner_.push_crop(clip.mouth.frame(t), clip.mouth.height, clip.mouth.width, true);
  }
  void finish() {
    if (source_) source_->finish();
  }

 private:
  CropRule rule_;
  StreamJoiner& joiner_;
  std::unique_ptr<preprocessing::MouthSource> source_;  // null for a fixed box
};

}  // namespace

RecordingSummary play(io::MediaReader& reader, const RecordingSettings& settings, const TakeFrames& take,
                      const std::function<void(int64_t done, int64_t expected)>& tick) {
  StreamJoiner joiner(settings.wanted, take);
  ShiftedSound sound(settings.audio_offset_seconds);
  std::optional<Cropper> cropper;
  if (settings.wanted.video) cropper.emplace(settings, joiner);
  io::MediaChunk chunk;
  while (reader.next_chunk(chunk)) {
    const std::span<const float> samples = sound.shifted(chunk.audio.samples);
    if (settings.wanted.audio) joiner.push_sound(samples);
    if (cropper) {
      cropper->push_sound(samples);
      cropper->push(chunk.frames);
    }
    joiner.flush(false);
    if (tick) tick(joiner.summary().frames, expected_frames(reader));
  }
  if (cropper) cropper->finish();
  joiner.flush(true);
  return joiner.summary();
}

RecordingSummary play_faces(io::MediaReader& reader, const RecordingSettings& settings, const FaceSinks& sinks,
                            const std::function<void(int64_t done, int64_t expected)>& tick) {
  RecordingSummary summary;
  std::set<int64_t> with_face;  // of the frames that are not settled
  int64_t frames_with_face = 0;
  preprocessing::MouthTracks tracks(
      face_model_of(settings), settings.crop.value().tracked,
      [&](int, preprocessing::MouthFrame&& frame) {
        if (frame.face) with_face.insert(frame.index);
        sinks.frame(frame);
      },
      sinks.end);
  const auto count_until = [&](int64_t end) {
    const auto settled = with_face.lower_bound(end);
    frames_with_face += std::distance(with_face.begin(), settled);
    with_face.erase(with_face.begin(), settled);
  };
  io::MediaChunk chunk;
  while (reader.next_chunk(chunk)) {
    for (int t = 0; t < chunk.frames.count; ++t)
      tracks.push(chunk.frames.frame(t), chunk.frames.height, chunk.frames.width);
    summary.frames += chunk.frames.count;
    count_until(tracks.settled());
    if (tick) tick(summary.frames, expected_frames(reader));
  }
  tracks.finish();
  count_until(summary.frames);
  summary.faceless = summary.frames - frames_with_face;
  return summary;
}

}  // namespace avsr::pipeline
