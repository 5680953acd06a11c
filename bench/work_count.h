// What a network costs, counted from its sizes: the benchmark's operations and bytes a second are these over the time.
#pragma once

#include <cstddef>

#include "models/network_config.h"

namespace avsr::bench {

enum class Task : uint8_t { inference, training };
const char* name_of(Task task);  // "inference", "training"

// Of one clip, and the parameters that all clips share.
struct Work {
  double multiply_adds = 0;  // of the forward pass, in convolutions, linear and recurrent layers
  double parameters = 0;     // without batch-norm statistics
  // Activations that are read or written when each layer is one kernel that touches its operands once, and a batch norm
  // one that reads its input twice: in inference it is folded into its convolution.
  double inference_values = 0, training_values = 0;
};

// Throws std::invalid_argument for a temporal-conv back-end, which is not counted.
Work work_of_clip(const models::NetworkConfig& config, int frames);

// Floating-point operations of a batch: two a multiply-add; a training step counts its forward pass three times, as the
// gradients of data and of weights cost one each.
double flop_of(const Work& work, Task task, int batch);

// Bytes that a batch moves. Parameters are f32: inference reads them once; a training step reads them forward and
// backward, writes their gradients, and Adam reads four values and writes three.
double bytes_of(const Work& work, Task task, int batch, size_t bytes_per_activation);

}  // namespace avsr::bench
