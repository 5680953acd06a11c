// The temporal-convolution back-end of stage 1: it trains the layers below and is then thrown away.
#pragma once

#include <string>

#include "models/layers/chain.h"
#include "models/layers/parameters.h"

namespace avsr::layers {

// Fewest steps a clip may have: what two convolutions k5 s2 around a pooling of 2 need.
constexpr int kTemporalConvSteps = 23;

// (B, 1, T, D) -> (B, V): conv D -> 2D k5 s2, BN, ReLU, max pool 2, conv 2D -> 4D k5 s2, BN, ReLU, mean over time,
// linear 4D -> D, BN, ReLU, linear D -> V. Paths: conv1, bn1, conv2, bn2, linear1, bn3, linear2.
void add_temporal_conv(Chain& chain, backend::Backend& backend, ParameterArena& arena, const std::string& path,
                       int width, int labels);

}  // namespace avsr::layers
