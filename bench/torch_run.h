// Runs bench/torch_networks.py in a Python of its own and reads what it measured.
#pragma once

#include <functional>
#include <string>

#include "bench/report.h"

namespace avsr::bench {

struct TorchSettings {
  std::string python, script;                        // program and file
  std::string device;                                // "cpu" or "cuda:N"
  int threads = 1;                                   // on the CPU
  std::string networks, precisions, batches, forms;  // separated by commas
  bool training = true;
  int repeats = 5;
  int budget_seconds = 0;  // for all of it; 0: no limit
};

// One line of the script's output goes into `torch`. Returns what was timed, or that nothing was: for the progress.
// Lines that are no JSON of the script's are passed over.
std::string read_torch_line(const std::string& line, Torch& torch);

// Calls `progress` with each measurement. What goes wrong is told in Torch::problem, so that our own numbers are kept.
Torch run_torch(const TorchSettings& settings, const std::function<void(const std::string&)>& progress);

}  // namespace avsr::bench
