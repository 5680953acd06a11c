// Opens the back end that a command runs on.
#pragma once

#include <boost/program_options.hpp>
#include <memory>
#include <string>

#include "models/backend/backend.h"

namespace avsr::pipeline {

// What a command computes on.
struct DeviceChoice {
  std::string name = "auto";  // "auto", "cpu", "cuda" or "cuda:N"
  int threads = 0;            // on the CPU; 0: all cores that the program was started with
  backend::Precision precision = backend::Precision::f32;
  bool deterministic = false;  // on a GPU; the CPU's runs are equal to the bit anyway
  int local_rank = 0;          // "auto" and "cuda" take this GPU, counted round those that there are
};

// "auto" takes a GPU where the plug-in libavsr_cuda.so and a GPU are usable, else the CPU. The plug-in is looked for
// beside the program, in ../lib/avsr of it, and on the loader's path; it exports
//   extern "C" avsr::backend::Backend* avsr_open_cuda(const avsr::backend::GpuSettings* settings,
//                                                       char* error, size_t error_bytes)
// which returns null and one line of text when the device cannot be used, and
//   extern "C" const char* avsr_cuda_interface()
// which names the headers that it was built with: of others the program calls nothing.
// why_no_gpu, where given, gets one line when "auto" found a plug-in or a GPU that it cannot use; else it stays as it
// is. Throws std::invalid_argument on another name or number of threads, std::runtime_error with one line when the
// device is absent or has no such precision.
std::unique_ptr<backend::Backend> open_device(const DeviceChoice& choice, std::string* why_no_gpu = nullptr);

// The same for a command: says on stderr which device it is, and why not a GPU.
std::unique_ptr<backend::Backend> open_device_aloud(const DeviceChoice& choice);

// --device, --threads, --precision and --deterministic of a command; reading them throws std::invalid_argument on
// another precision.
void add_device_options(boost::program_options::options_description& options, DeviceChoice& choice);

}  // namespace avsr::pipeline
