// How much a mouth moves and how loud the sound is: what of a talking face goes together with its voice.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "preprocessing/mouth_frame.h"

namespace avsr::preprocessing {

// Note [Mouth motion and loudness]
// What is compared is ln(1 + mean absolute grey difference between neighbouring crops), over lips and chin, with the
// logarithm of the sound's energy over one frame. While somebody speaks the two correlate by 0.2, and by 0.6 where
// pauses are in between (GRID, measured); no opening of lips taken from landmarks or grey values did as well.
// Correlating lip pixels with the sound's energy is the idea of Hershey and Movellan (Audio Vision, 1999). A frame's
// motion lies between two pictures, so it is half a frame early: kMotionLead.

inline constexpr int kBlocksPerFrame = 4;     // of sound energy, 10 ms each
inline constexpr double kMotionLead = 0.015;  // seconds; measured on GRID: 4 ms with pauses, 20 ms in running speech

class MouthMotion {
 public:
  explicit MouthMotion(int size) : size_(size) {}
  // None where there is no frame before to compare with: at the start, behind a cut, without a face.
  std::optional<float> push(const MouthFrame& frame);

 private:
  int size_;
  int64_t last_index_ = -2;
  std::vector<uint8_t> last_;
};

// Energy of 10 ms blocks of sound at 16 kHz.
class SoundEnergy {
 public:
  void push(std::span<const float> samples);
  int64_t end() const { return first_ + static_cast<int64_t>(blocks_.size()); }
  int64_t first() const { return first_; }  // the oldest block still held
  double at(int64_t block) const { return blocks_[static_cast<size_t>(block - first_)]; }
  void drop_before(int64_t block);

 private:
  std::deque<float> blocks_;
  int64_t first_ = 0;
  double sum_ = 0;
  int samples_ = 0;  // in sum_
};

// Logarithms of the energy of kBlocksPerFrame blocks from `first` on, from `first` + 1 on, …, `count` of them, none
// lower than 39 dB below the loudest. Blocks that are not held count as silence.
std::vector<float> loudness(const SoundEnergy& energy, int64_t first, int count);

// Pearson's correlation of motion[i] with level[i * kBlocksPerFrame], over those i that have motion; 0 where fewer than
// `fewest` have or where one of the two does not change.
double correlation(std::span<const std::optional<float>> motion, std::span<const float> level, int fewest);

}  // namespace avsr::preprocessing
