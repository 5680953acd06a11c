// Any file that FFmpeg reads, as grey frames at 25 per second and mono sound at 16 kHz, in step with each other.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/clip.h"

namespace avsr::io {

// Note [Alignment of sound and picture]
// Time 0 is the presentation time of the first video frame that the decoder shows (of the first sample where there is
// no video). Frame k is the picture showing at k/25 s: the last one whose timestamp is not later (within half a tick of
// the stream's clock, at least 1 ms). Frame k exists while k/25 s lies at least 10 ms before the end of the last
// picture (its timestamp and duration as the container gives them); frame 0 always does. Sample s is the sound at
// s/16000 s. One rule for codec priming: libavcodec drops the samples that the file declares as skipped (edit lists,
// iTunSMPB, CodecDelay, end padding) and moves the timestamp on; what is left is placed by its timestamp: sound before
// time 0 is cut, a late start is padded with silence, and so is a hole in the timestamps of more than 30 ms (smaller
// ones are the container's rounding). A file that declares no priming keeps every decoded sample. Number of samples:
// with video exactly 640 x frames, cut or padded with silence at the end (`notes` says by how much if it is more than
// 0.1 s); without video round(16000 x decoded length).
// Channels are mixed as their plain average before resampling.

// Note [Damaged files]
// A file that ends early, whose packets are corrupt, or whose decoder reports errors throws std::runtime_error, at the
// chunk where it is noticed (for an early end: at the end). With `allow_damaged` what could be decoded is returned
// instead, and `info().damaged` and `info().notes` say so. A file of which nothing can be decoded always throws.
// Formats that do not record their length (MPEG-TS, MPEG-PS, raw streams, fragmented mp4), cut between two packets,
// cannot be told from whole ones; nor can those that record it roughly (Matroska, FLV) with less than 0.25 s missing.
struct MediaOptions {
  bool video = true;  // false: do not decode video even where there is some; time 0 is then still the video's
  bool audio = true;
  double start_seconds = 0;           // of the part to read, from time 0; rounded to whole frames
  std::optional<double> end_seconds;  // none: to the end
  bool allow_damaged = false;         // see Note [Damaged files]
  int threads = 1;                    // of the video decoder; 0 = as many as cores
  int chunk_frames = 25;              // frames a chunk at most
  uint64_t max_bytes = 4ull << 30;    // read_media() refuses to hold more pixels than this

  void validate() const;  // throws std::invalid_argument
};

struct MediaInfo {
  std::string path, format;                   // format: FFmpeg's name of the container
  bool has_video = false, has_audio = false;  // tracks in the file (cover art is not video)
  int width = 0, height = 0;                  // of the frames delivered: after rotation
  int rotation_degrees = 0;                   // clockwise turn already applied: 0, 90, 180 or 270
  double source_fps = 0;                      // average of the file, before resampling
  double duration_seconds = 0;                // as the container or a track says; 0 when none does
  std::string video_codec, audio_codec, pixel_format;
  int audio_rate = 0, audio_channels = 0;  // of the source
  double silence_seconds = 0;              // added where the sound ends before the frames that were read
  bool damaged = false;
  std::vector<std::string> notes;  // sentences for people, e.g. "video resampled from 30 to 25 frames a second"
};

// Up to `chunk_frames` frames and the sound of the same stretch of time. Buffers are reused from call to call.
struct MediaChunk {
  int64_t first_frame = 0;  // index in the 25-per-second grid of the file (0 at time 0)
  Frames frames;            // count 0 when there is no video (left)
  Waveform audio;           // starts at sample 640 x first_frame; 640 x frames.count samples (see the Note above)
};

// One open file. Memory does not grow with the file's length. Not for use by two threads at once; any number of readers
// may live in parallel.
class MediaReader {
 public:
  // Throws std::runtime_error naming the file and what is wrong with it: missing, a folder, empty, no media, nothing to
  // decode.
  static MediaReader open(const std::string& path, const MediaOptions& options = {});
  MediaReader(MediaReader&&) noexcept;
  MediaReader& operator=(MediaReader&&) noexcept;
  ~MediaReader();

  const MediaInfo& info() const;  // complete (notes, silence_seconds, damaged) once next_chunk() has returned false
  bool next_chunk(MediaChunk& chunk);  // false at the end, with an empty chunk

 private:
  struct Impl;
  explicit MediaReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct Media {
  Frames frames;
  Waveform audio;
  MediaInfo info;
};

// The whole file, or the part that the options name. Throws as MediaReader does.
Media read_media(const std::string& path, const MediaOptions& options = {});

}  // namespace avsr::io
