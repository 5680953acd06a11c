// Weight decay of every optimizer step in the one form that the kernels compute:
//   gradient += coupled * value;  …;  value = value * shrink - update.
#pragma once

namespace avsr::backend {

struct Decay {
  float coupled, shrink;
};

template <typename Step>
Decay decay_of(const Step& step) {
  if (step.decoupled) return {0, 1 - step.rate * step.weight_decay};
  return {step.weight_decay, 1};
}

}  // namespace avsr::backend
