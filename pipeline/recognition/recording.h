// A media file as models take it: mouth crops and the sound of the same frames, as the file runs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/media_reader.h"
#include "pipeline/data/crop_rule.h"
#include "pipeline/recognition/answering.h"
#include "preprocessing/mouth_source.h"
#include "preprocessing/mouth_tracks.h"

namespace avsr::pipeline {

struct RecordingSettings {
  Wanted wanted;                                               // of what the file has
  std::optional<CropRule> crop;                                // how mouths are cut out, where video is wanted
  std::shared_ptr<const preprocessing::FaceModel> face_model;  // for tracked crops; may be null otherwise
  preprocessing::FaceChoice face;                              // of tracked crops: whose mouth; not "all"
  double audio_offset_seconds = 0;  // by how much the sound is late: so much of it is taken from later
};

// Receives the next frames, as StreamBuffer::push.
using TakeFrames = std::function<void(int frames, const io::Frames& mouth, std::span<const uint8_t> face,
                                      std::span<const float> audio)>;

// Frames in a row that show one face.
struct SeenFace {
  int track = 0;               // its number
  int64_t first = 0, end = 0;  // frames
};

struct RecordingSummary {
  int64_t frames = 0, faceless = 0;  // at 25 a second; without a face, not interpolated either
  std::vector<SeenFace> faces;       // whose mouth was given, in order of time; empty where faces are not told apart
};

// Plays an open file to its end. tick: frames read, now and then, and how many the file should have (0 where it does
// not say). Memory does not grow with the file's length. Throws as MediaReader does.
RecordingSummary play(io::MediaReader& reader, const RecordingSettings& settings, const TakeFrames& take,
                      const std::function<void(int64_t done, int64_t expected)>& tick = {});

// Receives the next frame of each face, and what is known of the face behind its last one. The frames of a face come in
// order and without a hole.
struct FaceSinks {
  std::function<void(const preprocessing::MouthFrame&)> frame;
  std::function<void(const preprocessing::FaceTrack&)> end;
};

// The same for all faces at once; the sound is not read. settings.crop: tracked crops.
RecordingSummary play_faces(io::MediaReader& reader, const RecordingSettings& settings, const FaceSinks& sinks,
                            const std::function<void(int64_t done, int64_t expected)>& tick = {});

}  // namespace avsr::pipeline
