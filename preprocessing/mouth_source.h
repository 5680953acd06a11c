// One mouth a frame out of a video with any number of faces: which one, is what the user chose.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "preprocessing/mouth_frame.h"

namespace avsr::preprocessing {

struct FaceChoice {
  enum class Kind {
    largest,   // in each moment the largest face, as MouthStream follows it
    number,    // the track of this number (Note [What a face track is]), and no face where it is not seen
    speaking,  // in each moment the face whose mouth moves with the sound (Note [Who is speaking])
    all        // every track, each by itself: MouthTracks
  };
  Kind kind = Kind::largest;
  int number = 0;  // of Kind::number, from 1

  static FaceChoice from(const std::string& text);  // "largest", "speaking", "all" or a number; std::invalid_argument
  std::string text() const;
  bool operator==(const FaceChoice&) const = default;
};

class MouthSource {
 public:
  // Every frame pushed comes out, in order: without a face where the chosen one is not seen.
  using Sink = std::function<void(MouthFrame&&)>;
  virtual ~MouthSource() = default;
  // Mono, 16 kHz, from time 0 on; pushed before the frames of the same time. Only Kind::speaking listens.
  virtual void push_sound(std::span<const float> /*samples*/) {}
  // A grey image of height x width, row-major; copied. All frames have one size (std::invalid_argument otherwise).
  virtual void push(const uint8_t* pixels, int height, int width) = 0;
  virtual void finish() = 0;  // gives out all that is held back; no push afterwards
};

// Throws std::invalid_argument for Kind::all, which is not one mouth.
std::unique_ptr<MouthSource> make_mouth_source(const FaceChoice& choice, std::shared_ptr<const FaceModel> model,
                                               const TrackedCropSettings& settings, MouthSource::Sink sink);

}  // namespace avsr::preprocessing
