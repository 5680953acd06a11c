// Opens the back end that a command runs on.
#pragma once

#include <memory>
#include <string>

#include "models/backend/backend.h"

namespace avsr::pipeline {

// device: "auto", "cpu", "cuda" or "cuda:N"; threads: 0 = all cores that the program was started with. "auto" takes a
// GPU where the plug-in libavsr_cuda.so and a GPU are usable, else the CPU. The plug-in is looked for beside the
// program, in ../lib/avsr of it, and on the loader's path; it exports
//   extern "C" avsr::backend::Backend* avsr_open_cuda(int device, char* error, size_t error_bytes)
// which returns null and one line of text when the device cannot be used.
// Throws std::invalid_argument on another name, std::runtime_error with one line when the device is absent.
std::unique_ptr<backend::Backend> open_device(const std::string& device, int threads = 0);

}  // namespace avsr::pipeline
