// The back end under test. Tests of kernels, layers and networks are compiled once and linked once for each back end,
// each time with the file of test_backends/ that opens it.
#pragma once

#include <memory>

#include "models/backend/backend.h"

namespace avsr::backend::test {

// threads: of the CPU; tests run side by side, so one unless threading matters. f32 means exact products, without TF32.
// Throws std::runtime_error where the device has no such precision.
std::unique_ptr<Backend> make_test_backend(int threads = 1, Precision precision = Precision::f32);

}  // namespace avsr::backend::test
