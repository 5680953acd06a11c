// Dropout as a layer: inverted scaling, mask keyed by a seed, nothing stored.
#pragma once

#include <cstdint>

#include "models/backend/backend.h"

namespace avsr::layers {

class Dropout {
 public:
  Dropout(backend::Backend& backend, float probability) : backend_(backend), probability_(probability) {}

  // Returns x itself when nothing is dropped (not training, or probability 0).
  const backend::Tensor& forward(const backend::Tensor& x, bool training, uint64_t seed) {
    active_ = training && probability_ > 0;
    seed_ = seed;
    if (!active_) return x;
    backend_.dropout(x, probability_, seed, y_);
    return y_;
  }
  // In place: dy becomes dx.
  void backward(backend::Tensor& dy) {
    if (!active_) return;
    const backend::Tensor in_place = dy;
    backend_.dropout(in_place, probability_, seed_, dy);
  }

 private:
  backend::Backend& backend_;
  float probability_;
  bool active_ = false;
  uint64_t seed_ = 0;
  backend::Tensor y_;
};

}  // namespace avsr::layers
