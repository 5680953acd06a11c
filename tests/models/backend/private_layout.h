// Tensors in the layout that the kernels of a back end exchange.
#pragma once

#include <vector>

#include "models/backend/backend.h"

namespace avsr::backend::test {

// t (rank 4 or 5) as the back end's convolutions write it: in its private layout, where it has one. A 1x1 convolution
// with the identity changes no value.
inline Tensor as_activation(Backend& backend, const Tensor& t) {
  const int64_t channels = t.shape.back();
  const ConvSpec spec{.in_channels = static_cast<int>(channels), .out_channels = static_cast<int>(channels)};
  std::vector<float> identity(static_cast<size_t>(channels * channels));
  for (size_t i = 0; i < identity.size(); i += static_cast<size_t>(channels) + 1) identity[i] = 1;
  Tensor y;
  backend.conv(spec, t.shape)->forward(t, backend.from_values({channels, 1, 1, 1, channels}, identity), Tensor{}, y);
  return y;
}

}  // namespace avsr::backend::test
