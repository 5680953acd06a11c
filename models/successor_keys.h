// Names in the checkpoints of the successor system (Martinez et al. 2020, Ma et al. 2021): ResNet-18 and MS-TCN, for
// video or audio. For public_keys.cc.
#pragma once

#include <string>

#include "models/public_keys.h"

namespace avsr::models {

bool is_successor(const PublicKeys& keys);
// Throws std::invalid_argument naming what was found of that system's other networks: a trunk that is no ResNet, a
// back-end that is no MS-TCN, depthwise-separable convolutions.
PublicKind successor_kind(const PublicKeys& keys);

// The sizes, and PReLU where there are slopes. ReLU and Swish leave no trace: `activation` says which, and it is
// std::invalid_argument to leave it out, or to name what the slopes contradict.
void read_successor_sizes(const PublicKeys& keys, std::optional<backend::Activation> activation, NetworkConfig& config);

// The key of a parameter path without its stream: "ms_tcn/block0/first/1/bn/weight".
std::string successor_key(const PublicKeys& keys, std::string path);
// The bias of the convolution in front of the batch norm with this running mean, which it moves; empty where that
// system has none.
std::string successor_folded_bias(const PublicKeys& keys, const std::string& path);

}  // namespace avsr::models
