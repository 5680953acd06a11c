// Weights as 8-bit whole numbers, for model files a quarter as large.
//
// Every tensor of two or more axes (convolutions, linear and recurrent layers) is written as `name`, I8, of its own
// shape, and `name.scale`, F32, one number for each index of the first axis (an output channel, a gate's cell): value =
// whole number x scale, the scale being the row's largest magnitude / 127. A value is off by at most half a scale.
// Biases, batch-norm parameters and statistics stay F32. The metadata says "storage" = "int8_rows".
#pragma once

#include "models/safetensors.h"

namespace avsr::models {

// Throws std::invalid_argument when the file is compact already or a weight is not finite.
SafetensorsFile compact_weights(SafetensorsFile file);

// The tensors with their values again; a file that is not compact comes back as it is. Throws std::invalid_argument
// when a scale is missing or of another length.
SafetensorsFile expand_weights(SafetensorsFile file);

}  // namespace avsr::models
