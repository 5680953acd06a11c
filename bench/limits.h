// What the device can do at best, measured through the back end's own interface.
#pragma once

#include <string>
#include <vector>

#include "models/backend/backend.h"

namespace avsr::bench {

struct Limits {
  std::string precision;
  std::string product;                   // its size: "8192 x 2048 x 2048"
  std::vector<double> flop_per_second;   // of the matrix product
  std::vector<double> bytes_per_second;  // of copying a tensor much larger than the caches: read and written
};

// Throws OutOfMemory where the device has not about 3 GiB free (the CPU 1 GiB).
Limits measure_limits(backend::Backend& backend, int repeats);

}  // namespace avsr::bench
