// How much later, or earlier, the sound of a recording is than the picture that belongs to it, measured.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "preprocessing/mouth_motion.h"

namespace avsr::preprocessing {

inline constexpr double kLargestOffset = 0.6;  // seconds either way: 15 frames

// What was measured. Where nothing is certain enough `seconds` is empty: no correction is better than a wrong one.
struct AvOffset {
  std::optional<double> seconds;  // positive: the sound is late
  double best = 0;                // the likeliest offset, certain or not
  double correlation = 0;         // of mouth motion and loudness at it, mean over the windows
  double confidence = 0;          // Note [Measuring the offset]
  int windows = 0;                // of 3 seconds, in which a mouth moved and something was heard
};

// Note [Measuring the offset]
// In every window of 3 seconds mouth motion and loudness (Note [Mouth motion and loudness]) are correlated at offsets
// from -0.6 s to 0.6 s in steps of 10 ms. The mean over the windows has its peak at the offset; a parabola through the
// peak and its neighbours refines it. Chance correlations shrink with the root of the number of windows, which is why
// the confidence grows with it. How often it is right and wrong by length: docs/results.md.
class OffsetMeter {
 public:
  static constexpr double kLeastConfidence = 0.12;
  static constexpr int kFewestWindows = 3;

  explicit OffsetMeter(int crop_size);
  void push_sound(std::span<const float> samples);  // mono, 16 kHz, from time 0 on
  void push(const MouthFrame& frame);               // in order; frames that are left out show no face
  void finish();                                    // no push afterwards
  AvOffset result() const;                          // of what was pushed so far

 private:
  void measure(bool at_end);
  void measure_window(int frames);

  MouthMotion meter_;
  SoundEnergy energy_;
  std::deque<std::optional<float>> motion_;  // of frames from first_ on
  int64_t first_ = 0;
  std::vector<double> sums_;  // of correlations, by offset
  int windows_ = 0;
};

}  // namespace avsr::preprocessing
