// Mouth crops of all faces of a video of any length, in bounded memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "preprocessing/mouth_frame.h"

namespace avsr::preprocessing {

// One face from where it was first seen to where it was last seen. See Note [What a face track is].
struct FaceTrack {
  int number = 0;                       // from 1, in order of appearance
  int64_t first_frame = 0, frames = 0;  // 25 a second
  int64_t frames_without_face = 0;      // of these: the face was lost, and its place interpolated
  double side = 0;                      // mean of the detector's box, source pixels
};

// MouthStream for every face at once: the same geometry, smoothing and delay.
class MouthTracks {
 public:
  // The frames of each track come in order and without a hole, those of several tracks between each other.
  using FrameSink = std::function<void(int track, MouthFrame&&)>;
  using EndSink = std::function<void(const FaceTrack&)>;  // behind the track's last frame
  MouthTracks(std::shared_ptr<const FaceModel> model, const TrackedCropSettings& settings, FrameSink frames,
              EndSink ends);
  ~MouthTracks();
  // A grey image of height x width, row-major; copied. All frames have one size (std::invalid_argument otherwise).
  void push(const uint8_t* pixels, int height, int width);
  void finish();            // ends all tracks; no push afterwards
  int64_t settled() const;  // no frame before this one will be given out any more

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace avsr::preprocessing
