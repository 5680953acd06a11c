// A word model over a stream of any length: windows of the length it was trained on, one every few frames.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "io/clip.h"
#include "pipeline/data/dataset.h"
#include "pipeline/recognition/answering.h"
#include "pipeline/recognition/stream_buffer.h"

namespace avsr::pipeline {

// What the model for these streams makes of a batch of windows: (windows, labels) probabilities.
using ClassifyWindows = std::function<std::vector<float>(models::Streams streams, const std::vector<Stretch>&)>;

struct WindowSettings {
  int window_frames = 29;  // of an even length the middle is the later of the two middle frames
  int hop_frames = 2;      // between neighbouring windows
  int batch = 32;          // windows given to the model at a time
  int labels = 0;
  ModelKinds models{.audiovisual = true};  // at hand
  Wanted available;                        // what the recording has of what the models want
  // A window whose middle third has less sound than this (root mean square) is silence: nobody speaks there.
  float silence_rms = 1e-4f;
  // Where no frame within so many on each side reaches this, there is no sound, and a model that reads lips alone is
  // asked, if there is one.
  int sound_frames = 50;
  float quiet_rms = 1e-3f;
  void validate() const;  // throws std::invalid_argument
};

// When windows are said. Window w is centred on frame w * hop_frames and speaks for the hop_frames around its middle;
// a single one for the whole recording.
struct WindowTimes {
  int hop_frames = 2;
  int64_t frames = 0;                   // of the recording
  bool single = false;                  // one window is the whole recording
  double seconds(double window) const;  // of the middle of a window, or of a place between two
  double start_seconds(int64_t window) const;
  double end_seconds(int64_t window) const;
};

// Takes window after window: who answers, and a row of `labels` probabilities; zeros where nobody answers.
using TakeWindow = std::function<void(const Answer& answer, std::span<const float> row)>;

// Beyond the ends of the recording the edge frame is repeated and the sound is silence, as in training. Memory: the
// frames of one batch of windows for each model, and the rows that wait for an earlier window's batch.
class SlidingWindows {
 public:
  SlidingWindows(const WindowSettings& settings, ClassifyWindows classify, TakeWindow take);

  // As StreamBuffer::push.
  void push(int frames, const io::Frames& mouth, std::span<const uint8_t> face, std::span<const float> audio);
  void finish();              // no push afterwards
  WindowTimes times() const;  // known after finish()

 private:
  struct Batch {
    std::vector<Stretch> stretches;
    std::vector<int64_t> windows;
  };
  struct Waiting {
    Answer answer;
    std::vector<float> row;  // empty until it is classified
  };

  int64_t frames() const { return buffer_.end(); }
  int reach() const;
  void make_windows(bool at_end);
  void make_window(int64_t middle);
  Evidence evidence(int64_t middle) const;
  bool sounds_around(int64_t middle) const;
  void classify(models::Streams streams);
  void give();

  WindowSettings settings_;
  ClassifyWindows classify_;
  TakeWindow take_;
  StreamBuffer buffer_;
  int64_t next_ = 0;  // middle of the next window
  bool single_ = false;
  std::array<Batch, 3> batches_;  // by streams
  std::deque<Waiting> waiting_;   // made and not yet given; the first is window number given_
  int64_t given_ = 0;
};

}  // namespace avsr::pipeline
