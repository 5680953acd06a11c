// A word model over a stream of any length: windows of the length it was trained on, one every few frames.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "io/clip.h"
#include "pipeline/data/dataset.h"

namespace avsr::pipeline {

// What the model makes of a batch of windows: (windows, labels) probabilities.
using ClassifyWindows = std::function<std::vector<float>(const std::vector<Stretch>&)>;

struct WindowSettings {
  int window_frames = 29;  // of an even length the middle is the later of the two middle frames
  int hop_frames = 2;      // between neighbouring windows
  int batch = 32;          // windows given to the model at a time
  int labels = 0;
  bool video = true, audio = true;  // what the model wants
  // A window whose middle third has less sound than this (root mean square) is silence: nobody speaks there.
  float silence_rms = 1e-4f;
  void validate() const;  // throws std::invalid_argument
};

// Window w is centred on frame w * hop_frames. Beyond the ends of the stream the edge frame is repeated and the sound
// is silence, as in training. Memory: the frames of one batch of windows, and `labels` floats a window.
class SlidingWindows {
 public:
  SlidingWindows(const WindowSettings& settings, ClassifyWindows classify);

  // The next `frames` frames. mouth: their crops (count == frames), or empty without video; face: whether each shows a
  // mouth; audio: 640 samples a frame, or empty without sound.
  void push(int frames, const io::Frames& mouth, std::span<const uint8_t> face, std::span<const float> audio);
  void finish();  // no push afterwards

  // (windows, labels); a row of zeros where there was nothing to recognise: no mouth in the middle frame of a model
  // that looks, silence in a window of a model that listens.
  const std::vector<float>& probabilities() const { return probabilities_; }
  bool single() const { return single_; }  // one window is the whole stream (known after finish)
  double start_seconds(int window) const;  // of the stretch that a window speaks for: hop_frames around its middle,
  double end_seconds(int window) const;    // or the whole of a single one
  int64_t frames() const { return frames_; }

 private:
  void make_windows(bool at_end);
  void make_window(int64_t middle);
  bool present(int64_t middle) const;
  Stretch cut(int64_t middle) const;
  void classify_batch();
  void drop_old();

  WindowSettings settings_;
  ClassifyWindows classify_;
  int64_t frames_ = 0;  // pushed so far
  int64_t first_ = 0;   // index of the oldest frame still held
  int64_t next_ = 0;    // middle of the next window
  bool single_ = false;
  int height_ = 0, width_ = 0;
  std::vector<uint8_t> pixels_;  // of frames first_ … frames_ - 1
  std::vector<uint8_t> face_;
  std::vector<float> samples_;
  std::vector<Stretch> batch_;
  std::vector<int64_t> batch_windows_;
  std::vector<float> probabilities_;
};

}  // namespace avsr::pipeline
