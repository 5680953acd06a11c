// Bringing pixels and sound to mean 0 and deviation 1, with statistics of the training set only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/clip.h"
#include "preprocessing/features.h"

namespace avsr::preprocessing {

enum class PixelNormalisation {
  training_set,  // (p / 255 - mean) / deviation, both over all pixels of the training set
  min_max,       // p / 255 mapped from the training set's [min, max] to [0, 1]
  mean_image,    // as training_set, but each pixel has its own mean
  per_clip,      // mean and deviation of the clip itself
};
PixelNormalisation parse_pixel_normalisation(const std::string& name);  // "training_set", …; std::invalid_argument
std::string to_string(PixelNormalisation kind);

// What the model file keeps. In units of p / 255.
struct PixelStatistics {
  double mean = 0, deviation = 1, minimum = 0, maximum = 1;
  int height = 0, width = 0;
  std::vector<float> mean_image;  // (height, width); empty unless kept
};

// Adds up the pixels of training clips; exact in any order (integer sums), so merged counts do not depend on threads.
class PixelCounter {
 public:
  // keep_mean_image: all frames must then have one size (std::invalid_argument otherwise).
  explicit PixelCounter(bool keep_mean_image = false) : keep_mean_image_(keep_mean_image) {}
  void add(const io::Frames& frames);
  void merge(const PixelCounter& other);
  PixelStatistics statistics() const;  // throws std::runtime_error when nothing was added

 private:
  bool keep_mean_image_;
  int height_ = 0, width_ = 0;
  uint64_t histogram_[256] = {};
  uint64_t frames_ = 0;
  std::vector<uint64_t> sums_;
};

// value = (pixel - mean_image) * scale + shift, pixel in 0 … 255, mean_image in pixels (empty = none): the arguments of
// Backend::time_windows.
struct PixelScale {
  float scale = 1, shift = 0;
};
// clip is read for per_clip only. A flat clip or statistics with deviation 0 count as deviation 1.
PixelScale pixel_scale(PixelNormalisation kind, const PixelStatistics& statistics, const io::Frames& clip);
// (height, width) in pixels for mean_image, centre-cropped to the given size; empty for the other kinds.
std::vector<float> pixel_mean_image(PixelNormalisation kind, const PixelStatistics& statistics, int height, int width);

// In place: mean 0, deviation 1 (population). Deviation 0 (silence) -> 1, so silence stays 0.
void z_normalise(std::span<float> values);
void z_normalise(io::Waveform& wave);
// The same for each feature dimension over a clip.
void z_normalise_columns(Features& features);

}  // namespace avsr::preprocessing
