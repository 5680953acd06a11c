// What a run of the benchmark measured, as a Markdown table and as JSON.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/limits.h"
#include "bench/work_count.h"

namespace avsr::bench {

// One thing that is timed. Network and precision by the names that the options have.
struct Case {
  std::string network;
  Task task = Task::inference;
  std::string precision;
  int batch = 0;
  std::string text() const;  // "audiovisual training bf16, batch 128"
  auto operator<=>(const Case&) const = default;
};

struct Row {
  Case what;
  std::vector<double> ms;      // a batch, each repeat
  double flop = 0, bytes = 0;  // of a batch, as work_count.h counts them
  size_t peak_bytes = 0;       // of the device's memory, gradients and optimizer state included in inference too
  std::string problem;         // instead of times: "out of memory", or what else went wrong
};

// PyTorch's time for the same.
struct TorchTime {
  std::string form;  // "eager", "compile" or "graphs"
  double ms = 0;
  size_t peak_bytes = 0;  // 0: unknown
  std::string problem;    // instead of a time
};

// How the forms are called in the table.
inline constexpr std::pair<const char*, const char*> kTorchForms[] = {
    {"eager", "eager"}, {"compile", "compiled"}, {"graphs", "CUDA graphs"}};

struct Torch {
  std::map<std::string, std::string> versions;  // "torch", "cuda", "cudnn", "device"; empty: PyTorch did not run
  std::map<std::string, int64_t> parameters;    // of each network
  std::map<Case, std::vector<TorchTime>> times;
  std::string problem;  // why it ended early
};

struct Report {
  std::vector<std::string> devices;           // Backend::description() at each precision
  std::vector<Limits> limits;                 // of each precision
  std::map<std::string, int64_t> parameters;  // of each network
  std::vector<Row> rows;
  Torch torch;
  std::vector<std::string> problems;  // of the whole run, in words
};

// The limits, the table, and what is missing from it and why. Medians of all repeats. Shares of limits that were not
// measured are left empty.
std::string markdown(const Report& report);
nlohmann::json to_json(const Report& report);

}  // namespace avsr::bench
