// The part of a recording that is still needed: mouth crops and sound, frame by frame.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "io/clip.h"
#include "pipeline/data/dataset.h"
#include "pipeline/recognition/answering.h"

namespace avsr::pipeline {

class StreamBuffer {
 public:
  explicit StreamBuffer(Wanted wanted) : wanted_(wanted) {}

  // The next `frames` frames. mouth: their crops (count == frames), or empty without video; face: whether each shows a
  // mouth; audio: 640 samples a frame, or empty without sound. Throws std::invalid_argument on other numbers.
  void push(int frames, const io::Frames& mouth, std::span<const uint8_t> face, std::span<const float> audio);
  void drop_before(int64_t frame);  // frames before it are not asked for any more

  int64_t first() const { return first_; }  // the oldest that is held
  int64_t end() const { return end_; }      // how many were pushed
  bool face(int64_t frame) const { return wanted_.video && face_[static_cast<size_t>(frame - first_)] != 0; }
  // Root mean square of the sound of frames from … to - 1; 0 without sound.
  double rms(int64_t from, int64_t to) const;
  // `length` frames from `start` on. Beyond what was pushed the edge frame is repeated and the sound is silence, as in
  // training.
  Stretch cut(int64_t start, int length, Wanted wanted) const;

 private:
  Wanted wanted_;
  int64_t first_ = 0, end_ = 0;
  int height_ = 0, width_ = 0;
  std::vector<uint8_t> pixels_, face_;
  std::vector<float> samples_;
};

}  // namespace avsr::pipeline
