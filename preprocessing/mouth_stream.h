// Tracked mouth crops of a stream of any length, in bounded memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "preprocessing/mouth_frame.h"

namespace avsr::preprocessing {

// crop_tracked() for a stream of any length: frames in, crops out in order with a small delay (about
// tracker.verify_interval + smoothing_radius frames while a face is seen, at most longest_gap more without one).
class MouthStream {
 public:
  using Sink = std::function<void(MouthFrame&&)>;
  MouthStream(std::shared_ptr<const FaceModel> model, const TrackedCropSettings& settings, Sink sink);
  ~MouthStream();
  // A grey image of height x width, row-major; copied. All frames have one size (std::invalid_argument otherwise).
  void push(const uint8_t* pixels, int height, int width);
  void finish();                    // gives out all that is held back; no push afterwards
  io::CropQuality quality() const;  // over all frames given out so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace avsr::preprocessing
