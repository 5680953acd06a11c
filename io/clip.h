// The data that flows from files to networks: frames, sound, words, and the clip that holds them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace avsr::io {

constexpr double kFramesPerSecond = 25;  // of every model and every prepared clip
constexpr int kSampleRate = 16000;       // Hz, mono
constexpr int kSamplesPerFrame = 640;    // kSampleRate / kFramesPerSecond

// T grey frames of H x W, full range (black 0, white 255), row-major, contiguous.
struct Frames {
  int count = 0, height = 0, width = 0;
  std::vector<uint8_t> pixels;  // (T, H, W)

  size_t frame_size() const { return static_cast<size_t>(height) * width; }
  const uint8_t* frame(int t) const { return pixels.data() + t * frame_size(); }
  uint8_t* frame(int t) { return pixels.data() + t * frame_size(); }
};

// Mono sound in [-1, 1] at kSampleRate; sample 0 falls on the start of video frame 0 of the same clip.
struct Waveform {
  std::vector<float> samples;
  double seconds() const { return static_cast<double>(samples.size()) / kSampleRate; }
};

struct Word {
  std::string text;
  double start_seconds = 0, end_seconds = 0;  // from the start of the clip
};

// How the mouth crops of a clip came about.
struct CropQuality {
  std::string method;         // "fixed" or "tracked"
  std::string reason = "ok";  // "ok", or why the clip is doubtful or unusable: "no_face", "few_faces", "outside",
                              // "other_size", "ends_early", …
  int frames = 0;
  int frames_without_face = 0;  // filled by interpolation
  int frames_outside = 0;       // crop leaving the image
};

// One prepared clip: a word in context (LRW) or a whole sentence with its words' times.
struct Clip {
  std::string key;          // unique in its data set, [A-Za-z0-9_-]+, no dot
  std::string split;        // "train", "val" or "test"
  std::string speaker;      // empty when unknown
  std::string label;        // the word of an LRW-style clip; empty for sentences
  std::vector<Word> words;  // with times; may be empty
  Frames mouth;             // empty when the source has no video
  Waveform audio;           // empty when the source has no sound
  double source_fps = 0;    // before resampling
  CropQuality quality;

  bool has_video() const { return mouth.count > 0; }
  bool has_audio() const { return !audio.samples.empty(); }
};

}  // namespace avsr::io
