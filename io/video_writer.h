// Writes mp4 files: H.264 (libx264, or MPEG-4 part 2 where FFmpeg was built without it) and AAC.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "io/clip.h"

namespace avsr::io {

enum class PixelLayout { kGrey, kBgr };

struct VideoWriterOptions {
  int width = 256, height = 256;  // even numbers
  double fps = 25;
  PixelLayout layout = PixelLayout::kBgr;  // of the frames given to add_frame()
  int audio_rate = kSampleRate;            // of the samples given and of the file; 0: no sound track
  int crf = 20;                            // libx264 quality, lower is better
  std::string preset = "veryfast";         // libx264
  int video_kbit = 1000;                   // MPEG-4 fallback only
  int audio_kbit = 64;
  int rotation_degrees = 0;  // clockwise turn that players must apply: 0, 90, 180, 270

  void validate() const;  // throws std::invalid_argument
};

// Frames and samples may be added in any order; sample 0 sounds with frame 0. The file appears under its name when
// finish() succeeds (written under a temporary name in the same folder until then, removed if never finished). yuv420p,
// mono AAC, deterministic bytes. Throws std::runtime_error naming the file.
class VideoWriter {
 public:
  VideoWriter(const std::string& path, const VideoWriterOptions& options);
  ~VideoWriter();
  VideoWriter(const VideoWriter&) = delete;
  VideoWriter& operator=(const VideoWriter&) = delete;

  void add_frame(const uint8_t* pixels);  // (H, W) grey or (H, W, 3) BGR, row-major, contiguous
  // The same with a time of its own (variable frame rate), later than the one before.
  void add_frame_at(const uint8_t* pixels, double seconds);
  void add_samples(const float* samples, size_t count);  // mono in [-1, 1]
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// frames: grey, at options.fps. audio may be empty (then no sound track).
void write_video(const std::string& path, const Frames& frames, const Waveform& audio, VideoWriterOptions options = {});

}  // namespace avsr::io
