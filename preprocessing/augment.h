// Random changes to a training clip, one draw for all its frames, and their quiet counterpart for testing.
#pragma once

#include <cstdint>
#include <optional>

#include "io/clip.h"
#include "preprocessing/random.h"

namespace avsr::preprocessing {

// What a model is fed: a crop_size square of the stored mouth crop, resized to input_size.
struct FrameGeometry {
  int crop_size = 88;
  int input_size = 88;    // = crop_size: no resizing
  void validate() const;  // throws std::invalid_argument
};

struct AugmentSettings {
  bool random_crop = true;  // offsets uniform over all positions
  double flip_probability = 0.5;
  double rotation_degrees = 0;       // uniform in +-
  double scaling = 0;                // 0.1: uniform in 0.9 … 1.1
  double brightness = 0;             // added, uniform in +- this many grey levels
  double contrast = 0;               // 0.2: factor around the clip's mean, uniform in 0.8 … 1.2
  double time_mask_probability = 0;  // one stretch of frames is replaced by the clip's mean frame
  int time_mask_frames = 10;         // its longest length
  // 0.1: face and sound together 0.9 to 1.1 times as fast (the voice's pitch and formants move with it), uniform; only
  // for windows that are cut out of longer clips, as the middle stays in place and the ends come from beyond the window
  double speed = 0;
  double audio_mask_probability = 0;  // one stretch of samples is set to 0
  double audio_mask_seconds = 0.2;    // its longest length
  // Not of one clip alone, so the loader's: clips cut at random places around their word (pipeline/data/time_crop.h),
  // and pairs of clips mixed, the parameter of the Beta distribution (pipeline/data/mixup.h); 0: never.
  bool variable_length = false;
  double mixup = 0;
  void validate() const;  // throws std::invalid_argument
};

// The draws for one clip: fixed by (seed, epoch, clip key), whatever the thread or the order.
struct VideoDraw {
  int top = 0, left = 0;
  bool flip = false;
  double angle = 0, scale = 1;  // radians; > 1 enlarges
  double brightness = 0, contrast = 1;
  int mask_start = 0, mask_frames = 0;
};
// frames of count x height x width, stored size. Throws std::invalid_argument when smaller than the crop.
VideoDraw draw_video(const AugmentSettings& settings, const FrameGeometry& geometry, const io::Frames& frames,
                     Random random);
VideoDraw centre_draw(const FrameGeometry& geometry, const io::Frames& frames);
// (T, H, W) -> (T, input_size, input_size), u8 to u8.
io::Frames apply(const VideoDraw& draw, const FrameGeometry& geometry, const io::Frames& frames);

// The two above in one: training and test.
io::Frames augment_video(const AugmentSettings& settings, const FrameGeometry& geometry, const io::Frames& frames,
                         Random random);
io::Frames centre_crop(const FrameGeometry& geometry, const io::Frames& frames);

// Area averaging when smaller, bilinear when larger.
io::Frames resize(const io::Frames& frames, int height, int width);

// The middle of a longer stretch, `speed` times as fast: `count` frames or samples around the source's middle moved
// `later` frames or samples (fractions too). Frames are blended with their neighbours, samples interpolated cubically;
// what lies beyond the source is its nearest frame, and 0.
io::Frames middle_at_speed(const io::Frames& frames, int count, double speed, double later = 0);
io::Waveform middle_at_speed(const io::Waveform& wave, size_t count, double speed, double later = 0);

// Time masking of the sound, in place.
void mask_audio(const AugmentSettings& settings, io::Waveform& wave, Random random);

}  // namespace avsr::preprocessing
