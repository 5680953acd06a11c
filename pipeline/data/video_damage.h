// What is done to the picture of test clips, to see how much a recogniser leans on it.
#pragma once

#include <string>
#include <utility>

#include "io/clip.h"
#include "preprocessing/random.h"

namespace avsr::pipeline {

struct VideoDamage {
  // blur:      Gaussian, sigma = amount pixels of the stored crop
  // occlusion: a grey square over `amount` of its area, 0 to 1, at one place for the clip
  // jpeg:      compressed with quality `amount`, 1 to 100, frame by frame
  // drop:      each frame is lost with probability `amount` and shows the one before
  // offset:    the picture comes `amount` frames late (negative: early), -29 to 29; the sound stays
  // frozen:    every frame shows the first: what is still read is not read from lips
  enum class Kind : uint8_t { blur, occlusion, jpeg, drop, offset, frozen };
  Kind kind = Kind::blur;
  double amount = 0;

  std::string text() const;  // "blur:2", "frozen"
  bool operator==(const VideoDamage&) const = default;
};

// "blur:2". Throws std::invalid_argument that says what there is and in which range.
VideoDamage parse_damage(const std::string& text);

// All but the offset, which is a matter of what is cut from the clip (frames_late).
void apply(const VideoDamage& damage, io::Frames& frames, preprocessing::Random random);
int frames_late(const VideoDamage& damage);  // 0 but for an offset

}  // namespace avsr::pipeline
